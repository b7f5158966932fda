//! From the first byte of a connection to its first ReadyForQuery.

use std::sync::OnceLock;
use std::time::Duration;

use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::{self, V3_0, V3_2, Wire, frame, head, packet, salt, startup};

/// One for all tests that leave nothing behind and do not mind each other.
fn proxy() -> &'static Proxy {
    static PROXY: OnceLock<Proxy> = OnceLock::new();
    PROXY.get_or_init(|| Proxy::start(&["alpha"], |_| {}))
}

/// The startup packet of tenant alpha.
fn alpha(proxy: &Proxy, version: u32, more: &[(&str, &str)]) -> Vec<u8> {
    let user = proxy.user("alpha");
    startup(version, &[&[("user", user.as_str()), ("database", &proxy.db.name)][..], more].concat())
}

/// A connection on which the proxy has just asked for SASL.
fn at_sasl(proxy: &Proxy) -> Wire {
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&alpha(proxy, V3_0, &[]));
    assert_eq!(wire.recv().to_string(), "Authentication 10");
    wire
}

fn log_in(proxy: &Proxy, wire: &mut Wire) {
    wire.send(&alpha(proxy, V3_0, &[]));
    wire.authenticate(PASSWORD).unwrap();
    wire.welcome().unwrap();
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn encryption_requests_are_answered_no_and_plain_text_goes_on() {
    let proxy = proxy();
    let requests = [wire::ssl_request(), wire::gssenc_request()];
    for order in [&[0][..], &[1], &[0, 1], &[1, 0]] {
        let mut wire = Wire::dial(proxy.addr());
        for &request in order {
            wire.send(&requests[request]);
            assert_eq!(wire.recv_byte(), b'N');
        }
        log_in(proxy, &mut wire);
    }
}

#[test]
fn encryption_asked_for_twice_is_refused() {
    let proxy = proxy();
    for request in [wire::ssl_request(), wire::gssenc_request()] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&request);
        assert_eq!(wire.recv_byte(), b'N');
        wire.send(&request);
        assert_eq!(wire.until_end(), ["Error FATAL 08P01 encryption was asked for twice", "end"]);
    }
}

#[test]
fn bytes_stuffed_behind_an_encryption_request_are_refused() {
    let proxy = proxy();
    for request in [wire::ssl_request(), wire::gssenc_request()] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&[request, alpha(proxy, V3_0, &[])].concat());
        let refusal = "Error FATAL 08P01 received unencrypted data after encryption request";
        assert_eq!(wire.until_end(), [refusal, "end"]);
    }
}

#[test]
fn protocol_3_2_has_a_long_cancel_key_and_3_0_a_short_one() {
    let proxy = proxy();
    for (version, bytes) in [(V3_0, 4), (V3_0 | 1, 4), (V3_2, 32)] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&alpha(proxy, version, &[]));
        wire.authenticate(PASSWORD).unwrap();
        wire.welcome().unwrap();
        assert_eq!(wire.key.len(), bytes, "version {version:x}");
    }
}

#[test]
fn newer_minor_version_and_unknown_extensions_are_negotiated() {
    let proxy = proxy();
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&alpha(proxy, V3_0 | 99, &[("_pq_.one", "1"), ("_pq_.two", "2")]));
    let negotiate = wire.recv();
    assert_eq!(negotiate.tag, b'v');
    let newest = [0, 3, 0, 2];
    assert_eq!(negotiate.body, [&newest[..], &[0, 0, 0, 2], b"_pq_.one\0_pq_.two\0"].concat());
    wire.authenticate(PASSWORD).unwrap();
    wire.welcome().unwrap();
    assert_eq!(wire.key.len(), 32);
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn unknown_extension_of_protocol_3_0_stays_at_3_0() {
    let proxy = proxy();
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&alpha(proxy, V3_0, &[("_pq_.x", "1")]));
    assert_eq!(wire.recv().body, [&[0, 3, 0, 0, 0, 0, 0, 1][..], b"_pq_.x\0"].concat());
    wire.authenticate(PASSWORD).unwrap();
    wire.welcome().unwrap();
    assert_eq!(wire.key.len(), 4);
}

#[test]
fn other_major_versions_are_refused() {
    let proxy = proxy();
    for (major, minor) in [(2, 0), (4, 0), (1, 7), (0, 0)] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&alpha(proxy, major << 16 | minor, &[]));
        let refusal = format!(
            "Error FATAL 0A000 unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2"
        );
        assert_eq!(wire.until_end(), [refusal.as_str(), "end"]);
    }
}

#[test]
fn impossible_lengths_of_the_first_packet_end_the_connection_as_on_the_server() {
    let proxy = proxy();
    for length in [0, 3, 7, 10_005, -1, i32::MAX, i32::MIN] {
        for addr in [proxy.addr(), proxy.server_addr()] {
            let mut wire = Wire::dial(addr);
            wire.send(&length.to_be_bytes());
            assert_eq!(wire.until_end(), ["end"], "{length}");
        }
    }
}

/// node-postgres, when it is told to connect and to end at once.
#[test]
fn terminate_as_the_first_packet_is_not_answered() {
    let proxy = proxy();
    for addr in [proxy.addr(), proxy.server_addr()] {
        let mut wire = Wire::dial(addr);
        wire.send(&wire::terminate());
        assert_eq!(wire.until_end(), ["end"]);
    }
}

#[test]
fn impossible_lengths_during_authentication_are_refused() {
    let proxy = proxy();
    for length in [0, 3, -1, i32::MIN, i32::MAX] {
        let mut wire = at_sasl(proxy);
        wire.send(&head(b'p', length));
        let lines = wire.until_end();
        assert!(lines[0].starts_with("Error FATAL 08P01 invalid message length"), "{lines:?}");
    }
    let mut wire = at_sasl(proxy);
    wire.send(&head(b'p', 1 << 20));
    assert_eq!(wire.until_end(), ["Error FATAL 08P01 password response is too long", "end"]);
}

#[test]
fn impossible_lengths_after_authentication_end_that_client_only() {
    let proxy = proxy();
    let mut other = proxy.wire("alpha");
    for tag in [b'Q', b'P', b'B', b'S', b'd'] {
        for length in [0, 3, -1, i32::MIN, i32::MAX] {
            let mut wire = proxy.wire("alpha");
            wire.send(&head(tag, length));
            let lines = wire.until_end();
            assert!(lines[0].starts_with("Error FATAL 08P01 invalid message length"), "{tag} {lines:?}");
        }
    }
    assert_eq!(other.value("select 1"), "1");
}

#[test]
fn startup_packet_that_never_ends_is_given_up() {
    let proxy = Proxy::start(&["alpha"], |config| config.listen.auth_timeout = Duration::from_millis(300));
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&9_000u32.to_be_bytes());
    let refusal = "Error FATAL 28000 canceling authentication due to timeout";
    assert_eq!(wire.until_end(), [refusal, "end"]);
}

#[test]
fn slow_loris_is_given_up_though_it_keeps_sending() {
    let proxy = Proxy::start(&["alpha"], |config| config.listen.auth_timeout = Duration::from_millis(300));
    let mut wire = Wire::dial(proxy.addr());
    let mut sent = 0;
    for byte in alpha(&proxy, V3_0, &[("application_name", &"x".repeat(5_000))]) {
        if !wire.try_send(&[byte]) || wire.has_input() {
            break;
        }
        sent += 1;
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert!(sent < 5_000);
    assert_eq!(wire.recv().to_string(), "Error FATAL 28000 canceling authentication due to timeout");
}

#[test]
fn client_that_falls_silent_during_authentication_is_given_up() {
    let proxy = Proxy::start(&["alpha"], |config| config.listen.auth_timeout = Duration::from_millis(300));
    let refusal = "Error FATAL 28000 canceling authentication due to timeout";
    assert_eq!(at_sasl(&proxy).until_end(), [refusal, "end"]);
}

#[test]
fn names_that_are_not_utf8_and_broken_lists_are_refused() {
    let proxy = proxy();
    let layout = "Error FATAL 08P01 invalid startup packet layout: expected names and values in UTF-8, each ended by a zero byte";
    let version = V3_0.to_be_bytes();
    for list in [
        &b"user\0al\xffpha\0\0"[..],
        b"us\xe9r\0alpha\0\0",
        b"user\0alpha\0",
        b"user\0alpha",
        b"user\0",
        b"user\0alpha\0\0trailing",
        b"",
    ] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&packet(&[&version, list].concat()));
        let lines = wire.until_end();
        assert_eq!(lines, [layout, "end"], "{list:?}");
    }
}

#[test]
fn startup_without_a_user_is_refused() {
    let proxy = proxy();
    for parameters in [&[][..], &[("user", "")], &[("database", "x")]] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&startup(V3_0, parameters));
        let refusal = "Error FATAL 28000 no PostgreSQL user name specified in startup packet";
        assert_eq!(wire.until_end(), [refusal, "end"]);
    }
}

#[test]
fn unknown_user_and_wrong_password_cannot_be_told_apart() {
    let proxy = proxy();
    let refused = |user: &str, password: &str| {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&startup(V3_0, &[("user", user), ("database", "no_such_database")]));
        let offer = wire.recv();
        let refusal = {
            let mut scram = postgres_protocol::authentication::sasl::ScramSha256::new(
                password.as_bytes(),
                postgres_protocol::authentication::sasl::ChannelBinding::unsupported(),
            );
            let mut out = bytes::BytesMut::new();
            postgres_protocol::message::frontend::sasl_initial_response(
                "SCRAM-SHA-256",
                scram.message(),
                &mut out,
            )
            .unwrap();
            wire.send(&out);
            let challenge = wire.recv();
            let text = String::from_utf8(challenge.body[4..].to_vec()).unwrap();
            let shape: Vec<(String, usize)> =
                text.split(',').map(|part| (part[..2].to_owned(), part.len())).collect();
            scram.update(&challenge.body[4..]).unwrap();
            out.clear();
            postgres_protocol::message::frontend::sasl_response(scram.message(), &mut out).unwrap();
            wire.send(&out);
            (shape, wire.until_end())
        };
        (offer, refusal.0, refusal.1.join("\n").replace(user, "USER"))
    };
    let user = proxy.user("alpha");
    let known = refused(&user, "wrong");
    assert_eq!(known.2, "Error FATAL 28P01 password authentication failed for user \"USER\"\nend");
    assert_eq!(refused("nobody_knows_me", "wrong"), known);
    assert_eq!(refused("nobody_knows_me", PASSWORD), known);
}

#[test]
fn unknown_user_is_shown_the_same_salt_each_time() {
    let proxy = proxy();
    assert_eq!(salt(proxy.addr(), "nobody_knows_me"), salt(proxy.addr(), "nobody_knows_me"));
}

#[test]
fn database_that_is_not_served_is_named_only_after_authentication() {
    let proxy = proxy();
    let user = proxy.user("alpha");
    let with = |password| {
        Wire::log_in(proxy.addr(), &[("user", user.as_str()), ("database", "elsewhere")], password)
            .err()
            .unwrap()
    };
    assert_eq!(with(PASSWORD), "Error FATAL 3D000 database \"elsewhere\" does not exist");
    assert!(with("wrong").starts_with("Error FATAL 28P01"));
}

#[test]
fn replication_is_refused() {
    let proxy = proxy();
    for value in ["database", "true", "on", "1"] {
        let refusal = proxy.wire_with("alpha", &[("replication", value)]).err().unwrap();
        assert!(refusal.starts_with("Error FATAL 0A000 replication"), "{refusal}");
    }
    assert!(proxy.wire_with("alpha", &[("replication", "false")]).is_ok());
}

#[test]
fn startup_parameters_and_options_take_effect() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let more = [
        ("application_name", "story"),
        ("TimeZone", "Asia/Tokyo"),
        ("options", r"-c geqo=off --statement-timeout=12345 -cmy.own=a\ b"),
    ];
    let mut wire = proxy.wire_with("alpha", &more).unwrap();
    for (name, value) in
        [("application_name", "story"), ("timezone", "Asia/Tokyo"), ("geqo", "off"), ("my.own", "a b")]
    {
        assert_eq!(wire.value(&format!("show {name}")), value);
    }
    assert_eq!(wire.value("show statement_timeout"), "12345ms");
    // Another client of the tenant on the same server connection has none of it.
    let mut other = proxy.wire("alpha");
    assert_eq!(other.value("show timezone"), proxy.direct("alpha").value("show timezone"));
    assert_eq!(other.value("show geqo"), "on");
    assert_eq!(wire.value("show geqo"), "off");
    assert_eq!(wire.backend(), other.backend());
}

#[test]
fn wrong_startup_parameters_are_fatal_with_the_servers_own_code() {
    let proxy = proxy();
    let direct = |more| proxy.direct_with("alpha", more).err().unwrap();
    for more in [
        &[("TimeZone", "Middle/Earth")][..],
        &[("statement_timeout", "soon")],
        &[("default_transaction_isolation", "perfect")],
    ] {
        let through = proxy.wire_with("alpha", more).err().unwrap();
        let code = |line: &str| line.split(' ').take(3).collect::<Vec<_>>().join(" ");
        assert_eq!(code(&through), code(&direct(more)), "{more:?}: {through}");
    }
    // None of them leaves anything behind.
    assert_eq!(proxy.wire("alpha").value("show statement_timeout"), "0");
}

/// What a login with these parameters is told, in one line.
fn refusal(more: &[(&str, &str)]) -> String {
    proxy().wire_with("alpha", more).err().unwrap_or_else(|| panic!("{more:?} is let in"))
}

#[test]
fn parameter_that_is_no_setting_of_a_tenants_is_refused_by_name_whichever_way_it_is_sent() {
    for name in [
        "no_such_setting",
        "max_connections",
        "log_statement",
        "is_superuser",
        "Local_Preload_Libraries",
        "trace_sort",
        "session_replication_role",
        "auto_explain.log_min_duration",
        "pgtenant.other",
        "set_user.superuser_allowlist",
    ] {
        let told = name.to_ascii_lowercase();
        let expected = format!("Error FATAL 42501 parameter \"{told}\" cannot be set by a tenant");
        assert_eq!(refusal(&[(name, "on")]), expected);
        assert_eq!(refusal(&[("options", &format!("-c {name}=on"))]), expected);
        assert_eq!(refusal(&[("options", &format!("-cgeqo=off --{}=on", name.replace('_', "-")))]), expected);
    }
}

#[test]
fn words_of_the_startup_packet_are_no_settings_in_other_spellings_or_inside_options() {
    for (name, value) in [
        ("Replication", "database"),
        ("DATABASE", "template1"),
        ("User", "postgres"),
        ("Options", "-c geqo=off"),
        ("options", "-c replication=database"),
        ("options", "-c options=-crole=postgres"),
        ("options", "-c user=postgres"),
    ] {
        let refusal = refusal(&[(name, value)]);
        assert!(refusal.starts_with("Error FATAL 42501 parameter \""), "{name}={value}: {refusal}");
    }
}

#[test]
fn role_in_the_startup_packet_is_refused_whichever_way_it_is_sent() {
    let proxy = proxy();
    let own = proxy.role("alpha");
    for value in [own.as_str(), "postgres", ""] {
        for name in ["role", "ROLE", "session_authorization", "Session-Authorization"] {
            let told = name.to_ascii_lowercase().replace('-', "_");
            let expected =
                format!("Error FATAL 42501 parameter \"{told}\" cannot be changed in this session");
            if !name.contains('-') {
                assert_eq!(refusal(&[(name, value)]), expected);
            }
            assert_eq!(refusal(&[("options", &format!("-c {name}={value}"))]), expected);
        }
    }
    assert!(proxy.wire_with("alpha", &[("role", "none")]).is_ok());
}

#[test]
fn search_path_and_encoding_of_the_startup_packet_are_judged_by_their_values() {
    let proxy = proxy();
    for (more, code) in [
        (("search_path", "tenant_somebody_else"), "42501"),
        (("Search_Path", "\"$user\", public"), "42501"),
        (("options", "-c search_path=pg_catalog,tenant_somebody_else"), "42501"),
        (("default_text_search_config", "tenant_somebody_else.x"), "42501"),
        (("client_encoding", "LATIN1"), "0A000"),
        (("options", "--client-encoding=GB18030"), "0A000"),
        (("standard_conforming_strings", "off"), "0A000"),
    ] {
        let refusal = refusal(&[more]);
        assert!(refusal.starts_with(&format!("Error FATAL {code} ")), "{more:?}: {refusal}");
    }
    let path = proxy.role("alpha");
    let mut wire = proxy
        .wire_with("alpha", &[("Client_Encoding", "utf-8"), ("search_path", &format!("{path}, pg_catalog"))])
        .unwrap();
    assert_eq!(wire.value("show search_path"), format!("{path}, pg_catalog"));
}

#[test]
fn setting_that_ends_with_the_transaction_is_refused_at_the_start_of_a_session() {
    for name in ["transaction_read_only", "Transaction_Isolation", "transaction_deferrable", "seed"] {
        let told = name.to_ascii_lowercase();
        let expected = format!("Error FATAL 42501 parameter \"{told}\" cannot be set when a session begins");
        assert_eq!(refusal(&[(name, "1")]), expected);
    }
}

#[test]
fn protocol_extension_is_no_setting_and_not_sent_on() {
    let proxy = proxy();
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&alpha(proxy, V3_2, &[("_pq_.role", "postgres"), ("_pq_.", "x")]));
    assert_eq!(wire.recv().tag, b'v');
    wire.authenticate(PASSWORD).unwrap();
    wire.welcome().unwrap();
    assert_eq!(wire.value("select current_user"), proxy.role("alpha"));
}

#[test]
fn refused_parameter_leaves_nothing_behind() {
    let proxy = proxy();
    refusal(&[("application_name", "half"), ("trace_sort", "on")]);
    assert_eq!(proxy.wire("alpha").value("show application_name"), "");
    assert_eq!(proxy.wire("alpha").value("show trace_sort"), "off");
}

#[test]
fn options_that_are_no_settings_are_refused() {
    let proxy = proxy();
    for options in ["-d 5", "-h", "--", "-c", "-c geqo", "word", "-c geqo=off --"] {
        let refusal = proxy.wire_with("alpha", &[("options", options)]).err().expect(options);
        assert!(refusal.starts_with("Error FATAL"), "{options}: {refusal}");
    }
}

#[test]
fn welcome_tells_the_same_parameters_as_a_direct_login() {
    let proxy = proxy();
    for more in [&[][..], &[("application_name", "x"), ("DateStyle", "German"), ("TimeZone", "America/Lima")]]
    {
        let sorted = |wire: Wire| {
            let mut parameters = wire.parameters;
            parameters.sort();
            parameters
        };
        let direct = sorted(proxy.direct_with("alpha", more).unwrap());
        assert_eq!(sorted(proxy.wire_with("alpha", more).unwrap()), direct);
        // Remembered by now.
        assert_eq!(sorted(proxy.wire_with("alpha", more).unwrap()), direct);
    }
}

#[test]
fn welcome_does_not_tell_what_an_earlier_client_had_set() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let mut first = proxy.wire_with("alpha", &[("TimeZone", "Asia/Tokyo")]).unwrap();
    first.run("discard all");
    drop(first);
    let zone = |wire: &Wire| wire.parameters.iter().find(|(name, _)| name == "TimeZone").unwrap().1.clone();
    assert_eq!(zone(&proxy.wire("alpha")), zone(&proxy.direct("alpha")));
}

#[test]
fn garbage_in_place_of_sasl_messages_is_refused() {
    let proxy = proxy();
    let initial = |mechanism: &str, data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap();
        [mechanism.as_bytes(), &[0], &length.to_be_bytes(), data].concat()
    };
    let bodies = [
        vec![],
        vec![0],
        vec![0xff; 64],
        b"SCRAM-SHA-256".to_vec(),
        b"SCRAM-SHA-256\0".to_vec(),
        b"SCRAM-SHA-256\0\0\0".to_vec(),
        b"SCRAM-SHA-256\0\xff\xff\xff\xff".to_vec(),
        b"SCRAM-SHA-256\0\x7f\xff\xff\xffn,,n=,r=x".to_vec(),
        initial("SCRAM-SHA-256", b""),
        initial("SCRAM-SHA-256", b"n,,"),
        initial("SCRAM-SHA-256", b"p=tls-server-end-point,,n=,r=abc"),
        initial("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc"),
        initial("SCRAM-SHA-256", b"n,,n=,r=\xff\xfe"),
        initial("MD5", b"n,,n=,r=abc"),
        [initial("SCRAM-SHA-256", b"n,,n=,r=abc"), vec![1, 2, 3]].concat(),
        format!("{PASSWORD}\0").into_bytes(),
    ];
    for body in bodies {
        let mut wire = at_sasl(proxy);
        wire.send(&frame(b'p', &body));
        let lines = wire.until_end();
        assert!(lines[0].starts_with("Error FATAL 08P01"), "{body:?}: {lines:?}");
        assert_eq!(lines.len(), 2);
    }
    let first = initial("SCRAM-SHA-256", b"n,,n=,r=abcdefgh");
    for body in [&b""[..], b"\0", b"c=biws", b"c=biws,r=abcdefgh,p=AAAA", b"c=biws,r=,p=", b"\xff\xff"] {
        let mut wire = at_sasl(proxy);
        wire.send(&frame(b'p', &first));
        assert_eq!(wire.recv().to_string(), "Authentication 11");
        wire.send(&frame(b'p', body));
        let lines = wire.until_end();
        assert!(lines[0].starts_with("Error FATAL"), "{body:?}: {lines:?}");
        assert_eq!(lines.len(), 2);
    }
}

#[test]
fn nothing_but_a_password_message_is_taken_before_authentication() {
    let proxy = proxy();
    for bytes in [wire::query("select 1"), wire::parse("", "select 1"), wire::sync(), wire::terminate()] {
        let mut wire = at_sasl(proxy);
        wire.send(&bytes);
        let lines = wire.until_end();
        assert!(lines[0].starts_with("Error FATAL 08P01 expected password response"), "{lines:?}");
    }
}

#[test]
fn password_message_as_the_first_packet_is_no_startup() {
    let proxy = proxy();
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&frame(b'p', b"secret\0"));
    assert_eq!(wire.until_end(), ["end"]);
}

#[test]
fn query_sent_with_the_startup_packet_is_never_run() {
    let proxy = proxy();
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&[alpha(proxy, V3_0, &[]), wire::query("insert into notes (body) values ('x')")].concat());
    assert_eq!(wire.recv().to_string(), "Authentication 10");
    let lines = wire.until_end();
    assert!(lines[0].starts_with("Error FATAL 08P01 expected password response"), "{lines:?}");
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "0");
}

#[test]
fn one_client_too_many_is_told_and_there_is_room_again_when_one_leaves() {
    let proxy = Proxy::start(&["alpha"], |config| config.listen.max_clients = 2);
    let first = proxy.wire("alpha");
    let _not_yet_authenticated = at_sasl(&proxy);
    let mut third = Wire::dial(proxy.addr());
    assert_eq!(third.until_end(), ["Error FATAL 53300 sorry, too many clients already", "end"]);
    drop(first);
    eventually("there is room", || proxy.wire_with("alpha", &[]).is_ok());
}

#[test]
fn query_sent_behind_the_last_message_of_the_login_is_answered() {
    let proxy = proxy();
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&startup(V3_0, &[("user", &proxy.user("alpha"))]));
    wire.authenticate_and(PASSWORD, &wire::query("select 'early'")).unwrap();
    wire.welcome().unwrap();
    let lines = wire.until_ready();
    assert!(lines.contains(&"DataRow early".to_owned()), "{lines:?}");
}

#[test]
fn login_that_finds_no_server_connection_says_so_though_it_takes_longer_than_authentication_may() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.limits.wait_timeout = Duration::from_millis(600);
        config.listen.auth_timeout = Duration::from_millis(500);
    });
    let mut holder = proxy.wire("alpha");
    holder.run("begin");
    // Settings that nobody had before must be asked of a server.
    let refused = proxy.wire_with("alpha", &[("application_name", "new")]).err().unwrap();
    assert!(refused.contains("FATAL 53300"), "{refused}");
}
