//! Whether the process can serve, and if not, why: pure judgement of what was seen.

use std::time::Duration;

use serde::Serialize;

use crate::registry::HardeningWatch;
use crate::tenant::ClusterName;

/// While the registry is out of touch, work that was done this long ago still shows that PostgreSQL can be reached: the
/// registry's own login may be what fails.
const WORK_COUNTS_FOR: Duration = Duration::from_secs(6);

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trouble {
    /// The process is about to end.
    Draining,
    /// PostgreSQL cannot be reached.
    Server,
    /// The registry cannot be reached, PostgreSQL can.
    Registry,
    /// The hardening cannot be relied upon, and all tenants are of level shared.
    Hardening,
    /// The same, where there are others.
    SharedTenants,
    /// Anybody could become any tenant by the function that binds spares.
    Spares,
    /// The system hands over no clients.
    Accept,
    /// The last audit of isolation found something critical.
    Isolation,
    /// A cluster beside the one of `[server]` does not serve all its tenants.
    Cluster,
    /// Tenants are on clusters that the configuration does not describe.
    Placement,
}

impl Trouble {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Draining,
        Self::Server,
        Self::Registry,
        Self::Hardening,
        Self::SharedTenants,
        Self::Spares,
        Self::Accept,
        Self::Isolation,
        Self::Cluster,
        Self::Placement,
    ];

    /// As answers and metrics call it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Server => "server",
            Self::Registry => "registry",
            Self::Hardening => "hardening",
            Self::SharedTenants => "shared_tenants",
            Self::Spares => "spares",
            Self::Accept => "accept",
            Self::Isolation => "isolation",
            Self::Cluster => "cluster",
            Self::Placement => "placement",
        }
    }

    /// Whether no client should be sent here. What concerns some tenants only, on every proxy alike, does not: a load balancer
    /// would take all proxies away from all tenants.
    pub(super) const fn blocks(self) -> bool {
        match self {
            Self::Draining | Self::Server | Self::Hardening | Self::Spares | Self::Accept => true,
            Self::Registry | Self::SharedTenants | Self::Isolation | Self::Cluster | Self::Placement => false,
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    /// Which.
    #[serde(rename = "problem")]
    pub(super) kind: Trouble,
    /// For people. It names no tenant and no role: everybody may read it.
    pub(super) why: String,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    pub(super) draining: bool,
    pub(super) in_touch: bool,
    /// How long ago a transaction ended or a server connection was opened.
    pub(super) worked: Option<Duration>,
    pub(super) hardening: HardeningWatch,
    /// Whether any tenant is of level dedicated.
    pub(super) has_dedicated: bool,
    pub(super) spares_exposed: bool,
    /// Whether accepting failed, and no client came since.
    pub(super) cannot_accept: bool,
    /// Critical findings of the last audit.
    pub(super) critical: u64,
    /// What is wrong with each of the other clusters with which something is.
    pub(super) clusters: Vec<(ClusterName, ClusterTrouble)>,
    /// Clusters that tenants are on and nobody described, with how many those are.
    pub(super) unknown: Vec<(ClusterName, usize)>,
}

/// What is wrong with a cluster beside the one of `[server]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClusterTrouble {
    /// It does not answer, or was not fit to serve anybody since the process began.
    Away,
    /// Anybody could become any of its tenants.
    Exposed,
    /// Its hardening cannot be relied upon.
    Hardening,
}

impl ClusterTrouble {
    const fn told(self) -> &'static str {
        match self {
            Self::Away => "does not answer, or is not fit to serve its tenants",
            Self::Exposed => "serves nobody: somebody who should not may bind spare connections there",
            Self::Hardening => {
                "does not serve its tenants of level shared: its hardening cannot be relied upon"
            }
        }
    }
}

/// What is wrong, what keeps clients out first.
pub(super) fn judge(sight: &Sight) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut found = |kind, why: &str| problems.push(Problem { kind, why: why.to_owned() });
    if sight.draining {
        found(Trouble::Draining, "the process is about to end: it begins no new work");
    }
    if !sight.in_touch {
        if sight.worked.is_some_and(|ago| ago < WORK_COUNTS_FOR) {
            found(
                Trouble::Registry,
                "the registry cannot be reached; tenants that are known are served, changes wait",
            );
        } else {
            found(
                Trouble::Server,
                "PostgreSQL cannot be reached: the registry does not answer, and nothing was done lately",
            );
        }
    }
    if matches!(sight.hardening, HardeningWatch::OutOfService { .. }) {
        let why = "the hardening cannot be relied upon, so tenants of level shared are not served; the log says why";
        found(if sight.has_dedicated { Trouble::SharedTenants } else { Trouble::Hardening }, why);
    }
    if sight.spares_exposed {
        found(
            Trouble::Spares,
            "somebody who should not may bind spare connections; nobody is served until that is mended, the log says what",
        );
    }
    if sight.cannot_accept {
        found(
            Trouble::Accept,
            "clients cannot be accepted: descriptors or memory ran out; raise LimitNOFILE or lower listen.max_clients",
        );
    }
    if sight.critical > 0 {
        found(
            Trouble::Isolation,
            "the last audit of isolation found something critical; run `pgtenant verify`",
        );
    }
    for (name, trouble) in &sight.clusters {
        let why = format!(
            "cluster {name} {}; tenants of the others are served, and the log says why",
            trouble.told()
        );
        found(Trouble::Cluster, &why);
    }
    for (name, tenants) in &sight.unknown {
        let why = format!(
            "{tenants} tenants are on the cluster {name}, which is not described; add [clusters.{name}] and restart"
        );
        found(Trouble::Placement, &why);
    }
    problems.sort_by_key(|problem| !problem.kind.blocks());
    problems
}

/// Whether clients should be sent here.
pub(super) fn is_ready(problems: &[Problem]) -> bool {
    !problems.iter().any(|problem| problem.kind.blocks())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Sight {
        Sight { in_touch: true, has_dedicated: true, ..Sight::default() }
    }

    fn kinds(sight: &Sight) -> (bool, Vec<&'static str>) {
        let problems = judge(sight);
        (is_ready(&problems), problems.iter().map(|problem| problem.kind.as_str()).collect())
    }

    fn broken() -> HardeningWatch {
        HardeningWatch::OutOfService { why: "the pool role of acme".into() }
    }

    #[test]
    fn proxy_that_lacks_nothing_is_ready_also_before_its_first_client() {
        assert_eq!(kinds(&well()), (true, vec![]));
    }

    #[test]
    fn registry_that_does_not_answer_is_an_outage_unless_work_is_done() {
        let ago = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(kinds(&Sight { in_touch: false, ..well() }), (false, vec!["server"]));
        assert_eq!(kinds(&Sight { in_touch: false, worked: ago(60), ..well() }), (false, vec!["server"]));
        assert_eq!(kinds(&Sight { in_touch: false, worked: ago(1), ..well() }), (true, vec!["registry"]));
        assert_eq!(kinds(&Sight { worked: ago(9999), ..well() }), (true, vec![]), "nobody wanted anything");
    }

    #[test]
    fn what_concerns_only_some_tenants_is_told_and_keeps_nobody_out() {
        assert_eq!(kinds(&Sight { hardening: broken(), ..well() }), (true, vec!["shared_tenants"]));
        let all_shared = Sight { hardening: broken(), has_dedicated: false, ..well() };
        assert_eq!(kinds(&all_shared), (false, vec!["hardening"]));
        assert_eq!(kinds(&Sight { critical: 1, ..well() }), (true, vec!["isolation"]));
    }

    #[test]
    fn what_concerns_everybody_keeps_them_out_and_comes_first() {
        assert_eq!(
            kinds(&Sight { draining: true, critical: 2, ..well() }),
            (false, vec!["draining", "isolation"])
        );
        assert_eq!(kinds(&Sight { spares_exposed: true, ..well() }), (false, vec!["spares"]));
        assert_eq!(kinds(&Sight { cannot_accept: true, ..well() }), (false, vec!["accept"]));
    }

    #[test]
    fn cluster_that_is_away_is_named_and_keeps_nobody_of_the_others_out() {
        let name = ClusterName::parse("eu_1").unwrap();
        let sight = Sight {
            clusters: vec![(name.clone(), ClusterTrouble::Away)],
            unknown: vec![(ClusterName::parse("gone").unwrap(), 3)],
            ..well()
        };
        assert_eq!(kinds(&sight), (true, vec!["cluster", "placement"]));
        let told: Vec<String> = judge(&sight).into_iter().map(|problem| problem.why).collect();
        assert!(told[0].starts_with("cluster eu_1 does not answer"), "{told:?}");
        assert!(told[1].starts_with("3 tenants are on the cluster gone"), "{told:?}");
    }

    #[test]
    fn nothing_that_the_log_is_for_is_told_to_everybody() {
        let problems = judge(&Sight { hardening: broken(), ..well() });
        assert!(!problems[0].why.contains("acme"), "{problems:?}");
    }
}
