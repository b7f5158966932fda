//! What a certificate says, read from its DER (X.690, RFC 5280). Of those of others only verified ones come here; all
//! the same nothing is taken on trust: every length is checked, and what is not understood is `None`.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Who a verified client certificate says its holder is. Evidence, nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The common names of the subject, which has one as a rule.
    pub common_names: Vec<String>,
    /// Subject alternative names: hosts.
    pub dns_names: Vec<String>,
    /// Subject alternative names: mailboxes.
    pub email_names: Vec<String>,
    /// Subject alternative names: URIs, for example SPIFFE's.
    pub uri_names: Vec<String>,
    /// SHA-256 of the whole certificate.
    pub fingerprint: [u8; 32],
    /// The last second of its life, since 1970.
    pub valid_until: i64,
    /// It and those between it and an authority, as the client sent them, to be verified again.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

impl PeerCertificate {
    /// As `openssl x509 -fingerprint -sha256` prints it, without the colons.
    #[must_use]
    pub fn fingerprint_hex(&self) -> String {
        self.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect()
    }
}

/// From when on and until when a certificate is valid, as seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: i64,
    pub(super) until: i64,
}

const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `GeneralName` (RFC 5280, section 4.2.1.6), implicitly tagged.
const MAILBOX: u8 = 0x81;
const HOST: u8 = 0x82;
const URI: u8 = 0x86;

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 29, 17];
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;

/// 1.2.840.113549.1.1 (PKCS #1) and the last numbers below it.
const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
/// 1.2.840.10045.4: ECDSA.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4];

/// Reads one value after the other.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value, whatever it is: its tag and content.
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match usize::from(*first) {
            short @ 0..=0x7f => (short, rest),
            long => {
                // Four bytes of length are more than any certificate has.
                let (bytes, rest) =
                    rest.split_at_checked(long & 0x7f).filter(|(b, _)| (1..=4).contains(&b.len()))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// The next value, which must have this tag.
    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.any().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }

    /// The next value if it has this tag; nothing is read otherwise.
    fn maybe(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let content = ahead.expect(wanted)?;
        *self = ahead;
        Some(content)
    }
}

/// The parts of a certificate that matter here.
struct Parts<'a> {
    signature_algorithm: Der<'a>,
    validity: Der<'a>,
    subject: Der<'a>,
    extensions: Option<Der<'a>>,
}

fn parts(certificate: &[u8]) -> Option<Parts<'_>> {
    let mut whole = Der(Der(certificate).expect(SEQUENCE)?);
    let mut signed = Der(whole.expect(SEQUENCE)?);
    let signature_algorithm = Der(whole.expect(SEQUENCE)?);
    signed.maybe(VERSION);
    signed.expect(INTEGER)?; // serial number
    signed.expect(SEQUENCE)?; // signature algorithm
    signed.expect(SEQUENCE)?; // issuer
    let validity = Der(signed.expect(SEQUENCE)?);
    let subject = Der(signed.expect(SEQUENCE)?);
    signed.expect(SEQUENCE)?; // public key
    let mut extensions = None;
    while let Some((tag, content)) = signed.any() {
        if tag == EXTENSIONS {
            extensions = Some(Der(Der(content).expect(SEQUENCE)?));
        }
    }
    Some(Parts { signature_algorithm, validity, subject, extensions })
}

/// The channel binding `tls-server-end-point` of a server's certificate (RFC 5929, section 4.1): its hash, by the
/// function its signature uses, or SHA-256 where that is MD5 or SHA-1. `None` where the RFC defines none.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let oid = parts(certificate)?.signature_algorithm.expect(OID)?;
    let hash = match (oid.strip_prefix(PKCS1), oid.strip_prefix(ECDSA)) {
        // md5, sha1, sha256 / ecdsa-with-SHA1, -SHA256
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => Sha256::digest(certificate).to_vec(),
        (Some([12]), _) | (_, Some([3, 3])) => Sha384::digest(certificate).to_vec(),
        (Some([13]), _) | (_, Some([3, 4])) => Sha512::digest(certificate).to_vec(),
        _ => return None,
    };
    Some(hash)
}

/// Who a verified certificate is of, the first of its chain. `None` for one that cannot be read, which a verified one can.
pub(super) fn peer(chain: &[CertificateDer<'_>]) -> Option<PeerCertificate> {
    let certificate = chain.first()?;
    let mut parts = parts(certificate)?;
    let mut peer = PeerCertificate {
        common_names: Vec::new(),
        dns_names: Vec::new(),
        email_names: Vec::new(),
        uri_names: Vec::new(),
        fingerprint: Sha256::digest(certificate).into(),
        valid_until: validity(certificate)?.until,
        chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
    };
    while let Some(set) = parts.subject.maybe(SET) {
        let mut set = Der(set);
        while let Some(attribute) = set.maybe(SEQUENCE) {
            let mut attribute = Der(attribute);
            if attribute.expect(OID)? == COMMON_NAME {
                let (_, value) = attribute.any()?;
                peer.common_names.push(text(value)?);
            }
        }
    }
    let mut names = alternative_names(parts.extensions)?;
    while let Some((tag, value)) = names.any() {
        match tag {
            HOST => peer.dns_names.push(text(value)?),
            MAILBOX => peer.email_names.push(text(value)?),
            URI => peer.uri_names.push(text(value)?),
            _ => {}
        }
    }
    Some(peer)
}

/// The hosts that a certificate is for.
pub(super) fn hosts(certificate: &[u8]) -> Option<Vec<String>> {
    let mut names = alternative_names(parts(certificate)?.extensions)?;
    let mut hosts = Vec::new();
    while let Some((tag, value)) = names.any() {
        if tag == HOST {
            hosts.push(text(value)?);
        }
    }
    Some(hosts)
}

/// Names are compared, so nothing in them is replaced, and a zero byte is none (`CVE-2009-2408`).
fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).map(str::to_owned)
}

fn alternative_names(extensions: Option<Der<'_>>) -> Option<Der<'_>> {
    let mut extensions = extensions.unwrap_or(Der(&[]));
    while let Some(extension) = extensions.maybe(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.expect(OID)? == SUBJECT_ALT_NAME {
            extension.maybe(BOOLEAN); // critical
            return Der(extension.expect(OCTET_STRING)?).expect(SEQUENCE).map(Der);
        }
    }
    Some(Der(&[]))
}

/// When a certificate is valid.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let mut validity = parts(certificate)?.validity;
    Some(Validity { from: time(validity.any()?)?, until: time(validity.any()?)? })
}

impl Validity {
    /// What is wrong with it at this time since 1970.
    pub(super) fn trouble(self, now: Duration) -> Option<&'static str> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < self.from {
            Some("is not valid yet")
        } else if now > self.until {
            Some("has expired")
        } else {
            None
        }
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year), rest)
        }
        _ => return None,
    };
    let rest: &[u8; 10] = rest.try_into().ok()?;
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| number(&rest[at..at + 2]));
    // Days since 1970 of a date (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(
        change: impl FnOnce(&mut CertificateParams),
        algorithm: &'static rcgen::SignatureAlgorithm,
    ) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate_for(algorithm).unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn peer_of(der: &[u8]) -> Option<PeerCertificate> {
        peer(&[CertificateDer::from(der)])
    }

    fn usual() -> Vec<u8> {
        let change = |params: &mut CertificateParams| {
            params.distinguished_name.push(DnType::OrganizationName, "Example");
            params.distinguished_name.push(DnType::CommonName, "müller");
            params.subject_alt_names.push(SanType::Rfc822Name("a@b.example".try_into().unwrap()));
            params.subject_alt_names.push(SanType::URI("spiffe://x/y".try_into().unwrap()));
            params.subject_alt_names.push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
            params.not_before = rcgen::date_time_ymd(2001, 2, 28);
            params.not_after = rcgen::date_time_ymd(2051, 3, 1);
        };
        certificate(change, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    #[test]
    fn names_of_every_kind_are_read() {
        let der = usual();
        let peer = peer_of(&der).unwrap();
        assert_eq!(peer.common_names, ["müller"]);
        assert_eq!(peer.valid_until, 2_561_241_600);
        assert_eq!(peer.dns_names, ["db.example"]);
        assert_eq!(hosts(&der), Some(peer.dns_names));
        assert_eq!(peer.email_names, ["a@b.example"]);
        assert_eq!(peer.uri_names, ["spiffe://x/y"]);
        assert_eq!(peer.fingerprint.to_vec(), Sha256::digest(&der).to_vec());
    }

    #[test]
    fn hash_of_the_channel_binding_is_that_of_the_signature() {
        let der = usual();
        assert_eq!(end_point(&der), Some(Sha256::digest(&der).to_vec()));
        let der = certificate(|_| {}, &rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(end_point(&der), Some(Sha384::digest(&der).to_vec()));
        assert_eq!(end_point(&certificate(|_| {}, &rcgen::PKCS_ED25519)), None);
    }

    #[test]
    fn times_before_and_after_2050_are_read() {
        let validity = validity(&usual()).unwrap();
        // date -u -d 2001-02-28 +%s; date -u -d 2051-03-01 +%s
        assert_eq!(validity, Validity { from: 983_318_400, until: 2_561_241_600 });
        let at = |seconds| validity.trouble(Duration::from_secs(seconds));
        assert_eq!(at(983_318_399), Some("is not valid yet"));
        assert_eq!((at(983_318_400), at(2_561_241_600)), (None, None));
        assert_eq!(at(2_561_241_601), Some("has expired"));
    }

    #[test]
    fn certificate_cut_or_changed_anywhere_is_not_panicked_on() {
        let der = usual();
        for cut in 0..der.len() {
            assert_eq!(peer_of(&der[..cut]), None, "cut at {cut}");
        }
        for at in 0..der.len() {
            for byte in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut der = der.clone();
                der[at] = byte;
                let _ = (peer_of(&der), end_point(&der), validity(&der), hosts(&der));
            }
        }
    }
}
