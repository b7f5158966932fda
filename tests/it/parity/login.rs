//! What is said at login, and what the newest protocol changes.

use std::collections::BTreeSet;

use super::harness::parameters;

#[test]
fn parameters_told_at_login_are_those_of_a_direct_connection() {
    for more in [
        &[][..],
        &[("application_name", "x"), ("datestyle", "German")],
        &[("options", "-c intervalstyle=iso_8601"), ("timezone", "Asia/Tokyo")],
    ] {
        let [direct, through] = parameters(more);
        let set = |list: Vec<(String, String)>| list.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(set(through), set(direct));
    }
}
