//! `auth.client_certificates = "tenant"`: a certificate names the tenant, and something else proves the user.

use pgtenant::auth::Access;
use pgtenant::config::auth::ClientCertificates;

use crate::certificates::{World, host, refusal, wrong_password};
use crate::support::proxy::PASSWORD;
use crate::support::tls::Authority;
use crate::support::wire::{Wire, frame};
use crate::tokens::{new_key, token, with_tokens};

const OTHER: &str = "Error FATAL 28000 the client certificate names another tenant than the user's";

#[test]
fn certificate_goes_with_the_password_of_a_user_of_its_tenant_and_nobody_elses() {
    let world = World::new(ClientCertificates::Tenant);
    let (alpha, beta) = (world.proxy.user("alpha"), world.proxy.user("beta"));
    let id = world.proxy.run(world.proxy.db.summary("alpha")).tenant.id.to_string();
    let at = host(&alpha);
    for (common, hosts) in [
        (&[alpha.as_str()][..], &[][..]),
        (&[&id], &[]),
        (&[], &[at.as_str()]),
        (&["Ann Smith"], &[&at, "laptop.example"]),
        (&[&alpha], &[&at]),
        (&[&alpha, &id], &[&at]),
    ] {
        let trust = world.trust(&world.issue(common, hosts, |_| {}));
        let mut wire =
            world.log_in(&trust, &alpha, &[]).unwrap_or_else(|error| panic!("{common:?} {hosts:?}: {error}"));
        assert_eq!(wire.value("select current_user"), world.proxy.role("alpha"));
        // A password is asked for, and must be right.
        let parameters = [("user", alpha.as_str()), ("database", &world.proxy.db.name)];
        let told = refusal(Wire::log_in_tls(world.proxy.addr(), &trust, &parameters, "wrong"));
        assert_eq!(told, wrong_password(&alpha));
        // The right password of another tenant's user, and a user that there is not.
        for other in [beta.as_str(), "nobody"] {
            assert_eq!(refusal(world.log_in(&trust, other, &[])), wrong_password(other));
        }
    }
}

#[test]
fn client_without_a_certificate_or_without_tls_is_served_as_before() {
    let world = World::new(ClientCertificates::Tenant);
    let beta = world.proxy.user("beta");
    let trust = world.servers.trust().asking_for("any.example");
    assert!(world.log_in(&trust, &beta, &[]).is_ok());
    let parameters = [("user", beta.as_str()), ("database", &world.proxy.db.name)];
    assert!(Wire::log_in(world.proxy.addr(), &parameters, PASSWORD).is_ok());
}

#[test]
fn certificate_of_no_tenant_or_of_two_is_refused_before_anything_is_asked() {
    let world = World::new(ClientCertificates::Tenant);
    let (alpha, beta) = (world.proxy.user("alpha"), world.proxy.user("beta"));
    let (of_alpha, of_beta) = (host(&alpha), host(&beta));
    let none = "Error FATAL 28000 the client certificate names no tenant";
    let two = "Error FATAL 28000 the client certificate names more than one tenant";
    let all =
        "Error FATAL 28000 the client certificate has a host name of the tenants' domain that is no tenant's";
    for (common, hosts, told) in [
        (&["Ann Smith"][..], &["laptop.example"][..], none),
        (&[], &[], none),
        (&[alpha.to_uppercase().as_str()], &[], none),
        (&[&of_alpha], &[], none),
        (&["x\nERROR forged"], &[], none),
        (&[&alpha, &beta], &[], two),
        (&[&alpha], &[of_beta.as_str()], two),
        (&[], &[&of_alpha, &of_beta], two),
        (&[&alpha], &["*.db.example.com"], all),
    ] {
        let trust = world.trust(&world.issue(common, hosts, |_| {}));
        for user in [alpha.as_str(), "nobody", "token"] {
            let (mut wire, first) = world.ask(&trust, &[("user", user)]);
            assert_eq!(first, told, "{common:?} {hosts:?}");
            assert_eq!(wire.until_end(), ["end"]);
        }
    }
    assert_eq!(world.refused("certificate_names_none"), 15);
    // An id and a slug of different tenants: seen when somebody has proved who it is.
    let id = world.proxy.run(world.proxy.db.summary("alpha")).tenant.id.to_string();
    let trust = world.trust(&world.issue(&[&id], &[&of_beta], |_| {}));
    assert_eq!(refusal(world.log_in(&trust, &alpha, &[])), OTHER);
    assert_eq!(refusal(world.log_in(&trust, &beta, &[])), wrong_password(&beta));
}

#[test]
fn what_else_names_a_tenant_must_agree_with_the_certificate() {
    let world = World::new(ClientCertificates::Tenant);
    let alpha = world.proxy.user("alpha");
    let trust = world.showing("alpha");
    let by_end = format!("{alpha}.{alpha}");
    let option = format!("-c pgtenant.tenant={alpha}");
    let good = [("database", alpha.as_str()), ("options", &option)];
    assert!(world.log_in(&trust.clone().asking_for(&host(&alpha)), &by_end, &good).is_ok());
    for other in [world.proxy.user("beta").as_str(), "ghost"] {
        let told = |what: &str| {
            format!("Error FATAL 28000 the client certificate and {what} name different tenants")
        };
        let option = format!("-c pgtenant.tenant={other}");
        assert_eq!(
            refusal(world.log_in(&trust, &alpha, &[("options", &option)])),
            told("the option pgtenant.tenant")
        );
        let database = refusal(world.log_in(&trust, &alpha, &[("database", other)]));
        assert_eq!(database, told("the database name"));
        let asking = trust.clone().asking_for(&host(other));
        assert_eq!(refusal(world.log_in(&asking, &alpha, &[])), told("the host name (SNI)"));
        let by_end = format!("{alpha}.{other}");
        let told = refusal(world.log_in(&trust, &by_end, &[]));
        assert_eq!(told, "Error FATAL 28000 the end of the user name names another tenant than the user's");
    }
}

#[test]
fn token_or_key_of_another_tenant_is_no_use_with_the_certificate() {
    let world = World::with(ClientCertificates::Tenant, |config| {
        with_tokens(config);
        config.auth.api_keys = true;
    });
    let trust = world.showing("alpha");
    let log_in = |user: &str, secret: &str| {
        let (mut wire, first) = world.ask(&trust, &[("user", user), ("database", &world.proxy.db.name)]);
        assert_eq!(first, "Authentication 3");
        wire.send(&frame(b'p', &[secret.as_bytes(), &[0]].concat()));
        let answer = wire.recv().to_string();
        if answer != "Authentication 0" {
            return Err(answer);
        }
        wire.welcome().map(|()| wire)
    };
    for tenant in ["alpha", "beta"] {
        let only = format!("token.{}", world.proxy.user(tenant));
        for secret in [token(&world.proxy, tenant), new_key(&world.proxy, tenant, Access::ReadWrite)] {
            for user in ["token", &only] {
                match (tenant, log_in(user, &secret)) {
                    ("alpha", wire) => {
                        assert_eq!(wire.unwrap().value("select current_user"), world.proxy.role("alpha"));
                    }
                    (_, refused) => assert_eq!(refusal(refused), OTHER, "{user}"),
                }
            }
        }
    }
}

#[test]
fn certificate_of_another_authority_ends_the_handshake() {
    let world = World::new(ClientCertificates::Login);
    let alpha = world.proxy.user("alpha");
    let foreign = super::issue(&Authority::new("clients' authority"), &[&alpha], &[], |_| {});
    let dialled = Wire::dial_tls(world.proxy.addr(), &world.trust(&foreign));
    let got_in = dialled.is_ok_and(|mut wire| {
        wire.may_break = true;
        wire.try_send(&crate::support::wire::startup(crate::support::wire::V3_0, &[("user", &alpha)]))
            && wire.answers()
    });
    assert!(!got_in);
}

#[test]
fn certificates_say_nothing_of_tenants_unless_they_are_asked() {
    let world = World::new(ClientCertificates::Off);
    let beta = world.proxy.user("beta");
    assert!(world.log_in(&world.showing("alpha"), &beta, &[]).is_ok());
    assert!(world.log_in(&world.trust(&world.issue(&["Ann Smith"], &[], |_| {})), &beta, &[]).is_ok());
    // Nor does a session end that was opened beside one.
    let revoked = world.issue(&["Ann Smith"], &[], |params| params.serial_number = Some(7.into()));
    let mut wire = world.log_in(&world.trust(&revoked), &beta, &[]).unwrap();
    world.clients.revoke(7);
    world.proxy.reload();
    assert_eq!(wire.value("select 1"), "1");
}
