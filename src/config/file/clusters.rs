//! Reads `[clusters.NAME]`: the keys of `[server]` once more, for each further cluster.

use std::path::Path;

use crate::config::clusters::{Cluster, Clusters, MAX_CLUSTERS};
use crate::config::file::server;
use crate::config::keys;
use crate::config::kind::Wrong;
use crate::config::source::{CLUSTERS, Source};
use crate::config::{Config, Pool, Server};
use crate::tenant::ClusterName;

/// All that are described, each with what it inherits. `None` with the problems noted.
pub(super) fn clusters(
    source: &mut Source<'_>,
    dir: Option<&Path>,
    (main, pool): (Option<&Server>, Option<&Pool>),
) -> Option<Clusters> {
    let names = source.sections_of_clusters();
    if names.len() > MAX_CLUSTERS {
        let wrong = Wrong::new(
            format!("{} clusters are described", names.len()),
            format!("describe at most {MAX_CLUSTERS} besides the one of [server]"),
        );
        source.note_at(source.nowhere(), CLUSTERS.to_owned(), wrong);
        return None;
    }
    let mut found = Some(Clusters::new());
    for text in names {
        let cluster = match ClusterName::parse(&text) {
            Ok(name) if name.is_main() => {
                let remedy = "take this section off: [server] describes it";
                refuse(source, &text, Wrong::new("main is the cluster of [server]", remedy));
                None
            }
            // Without those it would be said of each cluster once more.
            Ok(name) => main.zip(pool).and_then(|of| one(source, dir, &name, of)).map(|one| (name, one)),
            Err(error) => {
                refuse(
                    source,
                    &text,
                    Wrong::new(error.to_string(), "choose another name, for example [clusters.eu_1]"),
                );
                None
            }
        };
        match (&mut found, cluster) {
            (Some(found), Some((name, cluster))) => drop(found.insert(name, cluster)),
            _ => found = None,
        }
    }
    found.filter(|found| apart(source, found))
}

fn one(
    source: &mut Source<'_>,
    dir: Option<&Path>,
    name: &ClusterName,
    (main, pool): (&Server, &Pool),
) -> Option<Cluster> {
    source.look_at(Some(name.as_str()));
    let cluster = read(source, dir, pool);
    source.look_at(None);
    let cluster = cluster?;
    if cluster.server.database == main.database && cluster.server.address == main.address {
        let wrong = format!("{} and its database are those of [server]", cluster.server.address);
        refuse(
            source,
            name.as_str(),
            Wrong::new(wrong, "give the host of the other cluster, or take this section off"),
        );
        return None;
    }
    Some(cluster)
}

fn read(source: &mut Source<'_>, dir: Option<&Path>, pool: &Pool) -> Option<Cluster> {
    let host = &keys::SERVER_HOST.row;
    if !source.is_own(host) {
        source.refuse(
            host,
            Wrong::new("must be set", "say where this cluster is: it is not the host of [server]"),
        );
        return None;
    }
    let server = server(source, dir);
    let total = source.take(&keys::POOL_MAX_SERVER_CONNECTIONS);
    let total = total?;
    let kept = [
        (pool.spare_connections >= total, "spare_connections", pool.spare_connections),
        (pool.min_shared_connections > total, "min_shared_connections", pool.min_shared_connections),
    ];
    if let Some((_, key, kept)) = kept.into_iter().find(|(is_too_much, ..)| *is_too_much) {
        let wrong = format!("{total} leave no room for pool.{key}, which is {kept} on each cluster");
        let remedy = format!("give more than {kept}, or lower pool.{key}");
        source.refuse(&keys::POOL_MAX_SERVER_CONNECTIONS.row, Wrong::new(wrong, remedy));
        return None;
    }
    Some(Cluster { server: server?, max_server_connections: total })
}

/// Two names for one database would be two budgets for it, and two places for one tenant.
fn apart(source: &mut Source<'_>, all: &Clusters) -> bool {
    let mut is_apart = true;
    for (number, (name, cluster)) in all.iter().enumerate() {
        let same = all.iter().take(number).find(|(_, other)| {
            other.server.address == cluster.server.address && other.server.database == cluster.server.database
        });
        if let Some((other, _)) = same {
            let wrong =
                format!("{} and its database are those of [clusters.{other}]", cluster.server.address);
            refuse(source, name.as_str(), Wrong::new(wrong, "describe each cluster once"));
            is_apart = false;
        }
    }
    is_apart
}

fn refuse(source: &mut Source<'_>, name: &str, wrong: Wrong) {
    let place = source.place_of_cluster(name);
    source.note_at(place, format!("{CLUSTERS}.{name}"), wrong);
}

/// Tenants, new ones and those of a file, are on clusters that there are.
pub(super) fn have_tenants(source: &mut Source<'_>, config: &Config) {
    if !config.has_cluster(&config.tenants.cluster) {
        let wrong = format!("there is no cluster {}", config.tenants.cluster);
        let remedy = format!("describe it in [{CLUSTERS}.{}], or write \"main\"", config.tenants.cluster);
        source.refuse(&keys::TENANTS_CLUSTER.row, Wrong::new(wrong, remedy));
    }
    let Some(file) = &config.tenants.file else { return };
    for tenant in file.tenants.iter().filter(|tenant| !config.has_cluster(&tenant.cluster)) {
        let wrong =
            format!("tenant {} is on the cluster {}, which is not described", tenant.slug, tenant.cluster);
        let remedy = format!(
            "describe it in [{CLUSTERS}.{}], or correct the key cluster of the tenant",
            tenant.cluster
        );
        source.refuse(&keys::TENANTS_FILE.row, Wrong::new(wrong, remedy));
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::file::{self, Input, SecretFile};
    use crate::config::problem::Problems;
    use crate::config::{ServerAddress, reload};

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, Problems> {
        let variables = [("PGTENANT_MASTER_KEY", KEY)].iter().chain(variables);
        let environment: Vec<(OsString, OsString)> =
            variables.map(|(name, value)| (name.into(), value.into())).collect();
        let text = format!("[server]\nhost = \"db\"\ndatabase = \"app\"\nconnect_timeout = \"3s\"\n{text}");
        let read_file = |_: &Path| Ok(SecretFile { text: KEY.to_owned().into(), mode: 0o600 });
        file::read(&Input { name: "p.toml", text: &text, environment: &environment, read_file: &read_file })
    }

    fn name(text: &str) -> ClusterName {
        ClusterName::parse(text).unwrap()
    }

    /// Each as key, wrong and line.
    fn problems(text: &str) -> Vec<String> {
        let found = read(text, &[]).unwrap_err();
        found.iter().map(|problem| problem.to_string().replace("\n    ", " -- ")).collect()
    }

    #[test]
    fn cluster_inherits_what_it_does_not_say_but_for_what_is_its_own() {
        let text = "port = 6000\nfailover_hosts = [\"db2\"]\nread_replicas = [\"db3\"]\n[pool]\nmax_server_connections = 70\n\
                    [clusters.eu]\nhost = \"eu\"\n[clusters.us_1]\nhost = \"us\"\nport = 1\ndatabase = \"other\"\n\
                    max_server_connections = 5\nread_replicas = [\"us2:2\"]\n";
        let config = read(text, &[("PGTENANT_SERVER_CONNECT_TIMEOUT", "4s")]).unwrap();
        let tcp = |host: &str, port| ServerAddress::Tcp(host.into(), port);
        let eu = &config.clusters[&name("eu")];
        assert_eq!((&eu.server.address, eu.server.database.as_str()), (&tcp("eu", 6000), "app"));
        assert!(eu.server.failover.is_empty() && eu.server.read_replicas.is_empty());
        assert_eq!((eu.server.connect_timeout, eu.max_server_connections), (Duration::from_secs(4), 70));
        let us = &config.clusters[&name("us_1")];
        assert_eq!((&us.server.address, us.server.database.as_str()), (&tcp("us", 1), "other"));
        assert_eq!((us.max_server_connections, &us.server.read_replicas), (5, &vec![tcp("us2", 2)]));
        assert_eq!(config.server.failover, [tcp("db2", 6000)]);
    }

    #[test]
    fn configuration_at_a_cluster_is_that_of_an_installation_with_nothing_else() {
        let text =
            "[pool]\nmax_server_connections = 70\n[clusters.eu]\nhost = \"eu\"\nmax_server_connections = 5\n";
        let config = read(text, &[]).unwrap();
        let at = config.at(&name("eu")).unwrap();
        assert_eq!((at.cluster.as_str(), at.clusters.len()), ("eu", 0));
        assert_eq!((at.pool.max_server_connections, at.limits.max_server_connections), (5, 5));
        let main = config.at(&ClusterName::MAIN).unwrap();
        assert_eq!((main.server, main.limits.max_server_connections), (config.server.clone(), 70));
        assert!(config.at(&name("us")).is_none());
        let few = read(
            &format!("{text}[limits]\n").replace("= 70", "= 70\nmax_server_connections_per_tenant = 3"),
            &[],
        );
        assert_eq!(few.unwrap().at(&name("eu")).unwrap().limits.max_server_connections, 3);
    }

    #[test]
    fn what_is_wrong_with_a_cluster_is_told_with_its_key_its_line_and_the_remedy() {
        for (text, told) in [
            ("[clusters.eu]\nport = 1\n", "p.toml:5: clusters.eu.host: must be set -- say where"),
            (
                "[clusters.main]\nhost = \"a\"\n",
                "p.toml:5: clusters.main: main is the cluster of [server] -- take",
            ),
            ("[clusters.Eu]\nhost = \"a\"\n", "p.toml:5: clusters.Eu: the name of a cluster holds only"),
            (
                "[clusters.eu]\nhost = \"db\"\n",
                "p.toml:5: clusters.eu: db:5432 and its database are those of [server]",
            ),
            ("[clusters.eu]\nhost = \"a\"\nport = 0\n", "p.toml:7: clusters.eu.port: "),
            (
                "[clusters.eu]\nhots = \"a\"\n",
                "p.toml:6: clusters.eu.hots: unknown key -- did you mean `clusters.eu.host`?",
            ),
            (
                "[clusters.eu]\nhost = \"a\"\ntls = \"verify-full\"\n",
                "p.toml:7: clusters.eu.tls: there is no authority",
            ),
            (
                "[clusters.a]\nhost = \"x\"\n[clusters.b]\nhost = \"x\"\n",
                "p.toml:7: clusters.b: x:5432 and its database are those of [clusters.a]",
            ),
            ("[clusters]\neu = \"a\"\n", "p.toml:6: clusters.eu: not a section with keys"),
            (
                "[pool]\nspare_connections = 9\n[clusters.eu]\nhost = \"a\"\nmax_server_connections = 9\n",
                "p.toml:9: clusters.eu.max_server_connections: 9 leave no room for pool.spare_connections",
            ),
            (
                "[tenants]\ncluster = \"eu\"\n",
                "p.toml:6: tenants.cluster: there is no cluster eu -- describe it in [clusters.eu]",
            ),
        ] {
            let found = problems(text);
            assert!(found.iter().any(|problem| problem.starts_with(told)), "{text}: {found:#?}");
        }
        let many: String =
            (0..65).map(|number| format!("[clusters.c{number}]\nhost = \"h{number}\"\n")).collect();
        assert!(problems(&many)[0].contains("65 clusters are described"), "{:?}", problems(&many));
    }

    #[test]
    fn times_and_budget_of_a_cluster_are_taken_over_and_its_place_is_not() {
        let old = read("[clusters.eu]\nhost = \"eu\"\n", &[]).unwrap();
        let new = read(
            "[clusters.eu]\nhost = \"other\"\nconnect_timeout = \"9s\"\nmax_server_connections = 8\n[clusters.us]\nhost = \"us\"\n",
            &[],
        );
        let plan = reload::plan(&old, new.unwrap());
        assert!(plan.clusters_changed && plan.clusters_restart);
        let eu = &plan.config.clusters[&name("eu")];
        assert_eq!(eu.server.address, old.clusters[&name("eu")].server.address);
        assert_eq!((eu.server.connect_timeout, eu.max_server_connections), (Duration::from_secs(9), 8));
        assert_eq!(plan.config.clusters.len(), 1);
        let same = reload::plan(&old, old.clone());
        assert!(!same.clusters_changed && !same.clusters_restart);
        // What goes takes a restart too: it has clients.
        let gone = reload::plan(&old, read("", &[]).unwrap());
        assert!(gone.clusters_restart && gone.config.clusters == old.clusters);
    }
}
