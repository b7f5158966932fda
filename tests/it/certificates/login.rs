//! `auth.client_certificates = "login"`: a certificate replaces the password of its tenant's users.

use pgtenant::config::auth::ClientCertificates;

use crate::certificates::{World, refusal};
use crate::support::proxy::{PASSWORD, stdout};
use crate::support::wire::{V3_0, Wire, frame, startup};
use crate::tokens::{token, with_tokens};

const OTHER: &str = "Error FATAL 28000 the client certificate names another tenant than the user's";

fn no_user(user: &str) -> String {
    format!("Error FATAL 28000 certificate authentication failed for user \"{user}\"")
}

#[test]
fn psql_logs_in_with_its_certificate_and_without_a_password() {
    let world = World::new(ClientCertificates::Login);
    let (alpha, beta) = (world.proxy.user("alpha"), world.proxy.user("beta"));
    let issued = world.issue(&[&alpha], &[], |_| {});
    assert_eq!(
        stdout(&world.psql(&issued, &alpha, "", "select current_user")).trim(),
        world.proxy.role("alpha")
    );
    let by_end = format!("{alpha}.{alpha}");
    assert_eq!(stdout(&world.psql(&issued, &by_end, "", "select 6 * 7")).trim(), "42");
    for other in [beta.as_str(), "nobody"] {
        let output = world.psql(&issued, other, "", "select 1");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(&format!("certificate authentication failed for user \"{other}\"")), "{told}");
    }
    // As with PostgreSQL's method `cert`: nothing is bound where nothing is proved by a password.
    let output = world.psql(&issued, &alpha, "channel_binding=require", "select 1");
    assert!(String::from_utf8_lossy(&output.stderr).contains("channel binding required"), "{output:?}");
}

#[test]
fn user_of_another_tenant_is_answered_as_one_that_there_is_not() {
    let world = World::new(ClientCertificates::Login);
    let (alpha, beta) = (world.proxy.user("alpha"), world.proxy.user("beta"));
    // The same length, so that every byte can be compared.
    let nobody = "n".repeat(beta.len());
    let answer = |slug: &str, user: &str| {
        let trust = world.trust(&world.issue(&[slug], &[], |_| {}));
        let mut wire = Wire::dial_tls(world.proxy.addr(), &trust).unwrap();
        wire.send(&startup(V3_0, &[("user", user), ("database", &world.proxy.db.name)]));
        let message = wire.recv();
        assert_eq!(wire.until_end(), ["end"]);
        assert_eq!(message.to_string(), no_user(user));
        (message.tag, String::from_utf8(message.body).unwrap().replace(user, "USER"))
    };
    let unknown = answer(&alpha, &nobody);
    assert_eq!(answer(&alpha, &beta), unknown);
    // Nor does it tell which tenants there are.
    assert_eq!(answer("ghost", &beta), unknown);
    assert_eq!(answer("ghost", &nobody), unknown);
    let id = uuid::Uuid::from_u128(7).to_string();
    assert_eq!(answer(&id, &beta), unknown);
    // A tenant that is out of service is none.
    world.proxy.admin().run("update pgtenant.tenants set status = 'suspended'");
    crate::support::proxy::eventually("it is out of service", || {
        world.let_in(&world.showing("alpha"), &alpha).is_err()
    });
    assert_eq!(answer(&alpha, &alpha), unknown);
}

#[test]
fn user_that_may_only_read_still_may_only_read() {
    let world = World::new(ClientCertificates::Login);
    let reader = crate::readers::add_reader(&world.proxy, "alpha");
    assert!(reader.contains("reads_"), "{reader}");
    let user = format!("reads_{}", world.proxy.user("alpha"));
    let mut wire = world.let_in(&world.showing("alpha"), &user).unwrap();
    let lines = wire.query("insert into notes (body) values ('x')");
    assert!(
        lines[0].starts_with("Error ERROR 25006") || lines[0].starts_with("Error ERROR 42501"),
        "{lines:?}"
    );
    assert_eq!(refusal(world.let_in(&world.showing("beta"), &user)), no_user(&user));
}

#[test]
fn client_without_a_certificate_still_proves_a_password() {
    let world = World::new(ClientCertificates::Login);
    let alpha = world.proxy.user("alpha");
    let trust = world.servers.trust().asking_for("any.example");
    assert!(world.log_in(&trust, &alpha, &[]).is_ok());
    assert_eq!(refusal(world.let_in(&trust, &alpha)), "Authentication 10");
    let parameters = [("user", alpha.as_str()), ("database", &world.proxy.db.name)];
    let told = Wire::log_in(world.proxy.addr(), &parameters, "wrong").err().expect("a refusal");
    assert_eq!(told, super::wrong_password(&alpha));
    assert!(Wire::log_in(world.proxy.addr(), &parameters, PASSWORD).is_ok());
}

#[test]
fn user_for_tokens_still_sends_one_and_it_must_agree() {
    let world = World::with(ClientCertificates::Login, with_tokens);
    let trust = world.showing("alpha");
    let log_in = |secret: &str| {
        let (mut wire, first) = world.ask(&trust, &[("user", "token"), ("database", &world.proxy.db.name)]);
        assert_eq!(first, "Authentication 3");
        wire.send(&frame(b'p', &[secret.as_bytes(), &[0]].concat()));
        let answer = wire.recv().to_string();
        if answer == "Authentication 0" { wire.welcome().map(|()| wire) } else { Err(answer) }
    };
    let mut wire = log_in(&token(&world.proxy, "alpha")).unwrap();
    assert_eq!(wire.value("select current_user"), world.proxy.role("alpha"));
    assert_eq!(refusal(log_in(&token(&world.proxy, "beta"))), OTHER);
    assert_eq!(refusal(log_in("nonsense")), super::wrong_password("token"));
}

#[test]
fn failed_logins_by_certificate_are_counted_by_address_and_against_no_user() {
    let world = World::with(ClientCertificates::Login, |config| {
        config.listen.failures.per_address = Some(3);
        config.listen.failures.per_user = Some(1);
    });
    let (alpha, beta) = (world.proxy.user("alpha"), world.proxy.user("beta"));
    let trust = world.showing("alpha");
    for _ in 0..3 {
        assert_eq!(refusal(world.let_in(&trust, &beta)), no_user(&beta));
    }
    assert_eq!(refusal(world.let_in(&trust, &beta)), "Error FATAL 28000 too many failed logins");
    // Whose name was misused still logs in with a password.
    let parameters = [("user", beta.as_str()), ("database", &world.proxy.db.name)];
    assert!(Wire::log_in(world.proxy.addr(), &parameters, PASSWORD).is_ok());
    assert_eq!(refusal(world.let_in(&trust, &alpha)), "Error FATAL 28000 too many failed logins");
    assert_eq!(world.refused("certificate_no_user"), 3);
}
