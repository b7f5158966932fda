//! Stories of clients, processes and one listening connection, without any of them.

use std::task::Waker;

use uuid::Uuid;

use super::*;

fn tenant(n: u128) -> TenantId {
    TenantId(Uuid::from_u128(n))
}

fn prefix(n: u8) -> ChannelPrefix {
    ChannelPrefix::new(&[n; 32])
}

fn core() -> Core {
    let mut core = Core::new(Limits { channels: 4, channels_per_client: 3, queued_bytes: 1000 });
    core.connected();
    core
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

fn set(names: &[&str]) -> BTreeSet<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

/// Sends what is to be sent, and hears the barrier.
fn turn(core: &mut Core) -> Vec<Batch> {
    let mut batches = Vec::new();
    while let Some(batch) = core.take_batch() {
        if let Some(number) = batch.barrier {
            core.barrier_heard(number);
        }
        batches.push(batch);
    }
    batches
}

/// A client of the tenant that listens.
fn listener(core: &mut Core, n: u8, channels: &[&str]) -> u64 {
    let id = core.join(tenant(n.into()), prefix(n), 0);
    core.subscribe(id, &names(channels)).unwrap();
    turn(core);
    core.settle(id, &set(channels));
    id
}

fn process(core: &mut Core, pid: i32, n: u128) -> Arc<Voice> {
    let voice = Arc::new(Voice::new(pid, Some(tenant(n))));
    assert_eq!(core.admit(&voice), None);
    voice
}

fn take(core: &mut Core, id: u64) -> Vec<String> {
    let mut taken = Vec::new();
    while let Ok(Some(note)) = core.take(id, Waker::noop()) {
        taken.push(format!("{} {} {}", note.pid, note.channel, note.payload));
    }
    taken
}

#[test]
fn secret_name_reaches_its_tenant_and_bare_name_that_of_the_process() {
    let mut core = core();
    let (a, b) = (listener(&mut core, 1, &["x"]), listener(&mut core, 2, &["x"]));
    process(&mut core, 71, 1);
    process(&mut core, 72, 2);
    assert_eq!(core.hear(71, &prefix(1).name("x"), "secret"), Ok(1));
    assert_eq!(core.hear(72, "x", "bare"), Ok(1));
    assert_eq!(core.hear(9, &prefix(2).name("x"), "another proxy's"), Ok(1));
    assert_eq!(take(&mut core, a), ["71 x secret"]);
    assert_eq!(take(&mut core, b), ["72 x bare", "9 x another proxy's"]);
}

#[test]
fn unknown_process_is_not_heard_under_a_bare_name_nor_a_foreign_one_under_a_secret_name() {
    let mut core = core();
    let a = listener(&mut core, 1, &["x"]);
    process(&mut core, 72, 2);
    assert_eq!(core.hear(9, "x", ""), Err(Dropped::UnknownProcess));
    assert_eq!(core.hear(72, &prefix(1).name("x"), ""), Err(Dropped::ForeignProcess));
    assert_eq!(core.hear(72, "x", ""), Ok(0));
    assert!(take(&mut core, a).is_empty());
}

#[test]
fn process_that_serves_all_tenants_is_heard_under_a_secret_name_only() {
    let mut core = core();
    let (a, b) = (listener(&mut core, 1, &["x"]), listener(&mut core, 2, &["x"]));
    let voice = Arc::new(Voice::new(7, None));
    assert_eq!(core.admit(&voice), None);
    assert!(core.is_heard(voice.tenant));
    assert_eq!(core.hear(7, "x", "bare"), Err(Dropped::UnknownProcess));
    assert_eq!(core.hear(7, &prefix(2).name("x"), "secret"), Ok(1));
    assert!(take(&mut core, a).is_empty());
    assert_eq!(take(&mut core, b), ["7 x secret"]);
}

#[test]
fn listening_to_the_secret_name_of_another_as_a_name_hears_nothing_of_it() {
    let mut core = core();
    let a = listener(&mut core, 1, &["x"]);
    let name = prefix(1).name("x");
    let thief = listener(&mut core, 2, &[&name]);
    process(&mut core, 71, 1);
    assert_eq!(core.hear(71, &name, "mine"), Ok(1));
    assert!(take(&mut core, thief).is_empty());
    // And when the thief leaves, the name stays.
    core.leave(thief);
    let batches = turn(&mut core);
    assert!(batches.iter().all(|batch| !batch.unlisten.iter().any(|n| **n == *name)), "{batches:?}");
    assert_eq!(core.hear(71, &name, "more"), Ok(1));
    assert_eq!(take(&mut core, a).len(), 2);
}

#[test]
fn process_number_of_another_tenant_waits_for_a_barrier() {
    let mut core = core();
    let a = listener(&mut core, 1, &["x"]);
    listener(&mut core, 2, &["x"]);
    let old = process(&mut core, 7, 1);
    assert!(core.dismiss(&old));
    let new = Arc::new(Voice::new(7, Some(tenant(2))));
    let barrier = core.admit(&new).expect("a barrier");
    assert_eq!(core.hear(7, "x", "of the old one"), Ok(1));
    turn(&mut core);
    assert!(core.heard() >= barrier);
    assert_eq!(core.admit(&new), None);
    assert_eq!(core.hear(7, "x", "of the new one"), Ok(1));
    assert_eq!(take(&mut core, a), ["7 x of the old one"]);
}

#[test]
fn process_that_has_ended_is_unknown_once_all_of_it_was_heard() {
    let mut core = core();
    listener(&mut core, 1, &["x"]);
    let voice = process(&mut core, 7, 1);
    assert!(core.dismiss(&voice) && !core.dismiss(&voice));
    assert_eq!(core.hear(7, "x", ""), Ok(1));
    turn(&mut core);
    assert_eq!(core.hear(7, "x", ""), Err(Dropped::UnknownProcess));
}

#[test]
fn what_comes_before_the_barrier_of_a_subscription_or_before_its_commit_is_not_heard() {
    let mut core = core();
    process(&mut core, 7, 1);
    listener(&mut core, 1, &["x"]);
    let id = core.join(tenant(1), prefix(1), 0);
    core.subscribe(id, &names(&["x"])).unwrap();
    core.hear(7, "x", "before the barrier").unwrap();
    turn(&mut core);
    core.hear(7, "x", "before the commit").unwrap();
    core.forget_pending(id);
    core.hear(7, "x", "after").unwrap();
    assert!(take(&mut core, id).is_empty(), "not yet");
    core.settle(id, &set(&["x"]));
    assert_eq!(take(&mut core, id), ["7 x after"]);
}

#[test]
fn rolled_back_and_ended_subscriptions_leave_nothing() {
    let mut core = core();
    process(&mut core, 7, 1);
    let id = listener(&mut core, 1, &["x"]);
    core.subscribe(id, &names(&["x", "y"])).unwrap();
    turn(&mut core);
    core.hear(7, "y", "").unwrap();
    core.hear(7, "x", "").unwrap();
    core.settle(id, &set(&["x"]));
    assert_eq!(take(&mut core, id), ["7 x "]);
    let unlisten =
        |batches: Vec<Batch>| batches.into_iter().flat_map(|b| b.unlisten).collect::<BTreeSet<_>>();
    let both = |name: &str| BTreeSet::from([Arc::from(name), Arc::from(prefix(1).name(name))]);
    assert_eq!(unlisten(turn(&mut core)), both("y"));
    core.leave(id);
    assert_eq!(unlisten(turn(&mut core)), both("x"));
    assert!(core.topics.is_empty() && core.secret.is_empty() && core.bare.is_empty());
    assert!(core.members.is_empty() && core.tenants.is_empty());
}

#[test]
fn channel_that_is_left_and_wanted_again_is_listened_to() {
    let mut core = core();
    let id = listener(&mut core, 1, &["x"]);
    core.leave(id);
    let id = core.join(tenant(1), prefix(1), 0);
    core.subscribe(id, &names(&["x"])).unwrap();
    let batches = turn(&mut core);
    assert!(batches.iter().all(|batch| batch.unlisten.is_empty()), "{batches:?}");
    assert_eq!(batches.iter().map(|batch| batch.listen.len()).sum::<usize>(), 2);
}

#[test]
fn barrier_comes_behind_all_names_that_were_asked_for_before() {
    let mut core = Core::new(Limits { channels: 500, channels_per_client: 500, queued_bytes: 1000 });
    core.connected();
    let id = core.join(tenant(1), prefix(1), 0);
    let many: Vec<Box<str>> = (0..250).map(|n| format!("c{n}").into()).collect();
    let barrier = core.subscribe(id, &many).unwrap();
    let batches = turn(&mut core);
    assert_eq!(batches.iter().map(|batch| batch.listen.len()).collect::<Vec<_>>(), [200, 200, 100]);
    let barriers: Vec<_> = batches.iter().map(|batch| batch.barrier).collect();
    assert_eq!(barriers, [None, None, Some(barrier)]);
}

#[test]
fn limits_of_one_client_and_of_all_are_kept() {
    let mut core = core();
    let a = core.join(tenant(1), prefix(1), 0);
    assert_eq!(core.subscribe(a, &names(&["1", "2", "3", "4"])), Err(Full::Client));
    core.subscribe(a, &names(&["1", "2", "3"])).unwrap();
    assert_eq!(core.subscribe(a, &names(&["4"])), Err(Full::Client));
    let b = core.join(tenant(1), prefix(1), 0);
    core.subscribe(b, &names(&["1", "4"])).unwrap();
    assert_eq!(core.subscribe(b, &names(&["5"])), Err(Full::All));
    core.leave(a);
    core.subscribe(b, &names(&["5"])).unwrap();
}

#[test]
fn client_that_takes_nothing_is_ended_and_costs_nothing_more() {
    let mut core = core();
    process(&mut core, 7, 1);
    let (slow, quick) = (listener(&mut core, 1, &["x"]), listener(&mut core, 1, &["x"]));
    for _ in 0..20 {
        core.hear(7, "x", &"p".repeat(100)).unwrap();
        assert_eq!(take(&mut core, quick).len(), 1);
    }
    assert_eq!(core.take(slow, Waker::noop()), Err(Ended::Slow));
    assert!(core.members[&slow].queue.is_empty());
}

#[test]
fn lost_connection_ends_who_listens_and_fails_who_was_about_to() {
    let mut core = core();
    let listens = listener(&mut core, 1, &["x"]);
    let about_to = core.join(tenant(1), prefix(1), 0);
    core.subscribe(about_to, &names(&["y"])).unwrap();
    let epoch = core.epoch();
    core.lost();
    assert_ne!(core.epoch(), epoch);
    assert_eq!(core.take(listens, Waker::noop()), Err(Ended::Lost));
    assert_eq!(core.take(about_to, Waker::noop()), Ok(None));
    assert!(!core.is_demanded() && !core.is_up());
    // It may try again.
    core.subscribe(about_to, &names(&["y"])).unwrap();
    assert!(core.is_demanded());
}

#[test]
fn names_are_quoted() {
    let batch = Batch { listen: vec!["a\"b".into()], unlisten: vec!["c".into()], barrier: Some(7) };
    assert_eq!(batch.sql("bar"), "UNLISTEN \"c\";LISTEN \"a\"\"b\";NOTIFY \"bar\",'7';");
}
