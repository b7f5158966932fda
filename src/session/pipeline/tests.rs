use super::*;

fn pipeline(kinds: &[Kind]) -> Pipeline {
    let mut pipeline = Pipeline::default();
    for &kind in kinds {
        match kind {
            Sync => pipeline.push_sync(),
            CopyEnd => pipeline.copy_ends(),
            kind => pipeline.push(Entry::new(kind)),
        }
    }
    pipeline
}

/// Feeds backend tags; the answer is one letter a tag: f forward, s swallow, d done, e failed,
/// z ready, c counted, a digit for what was counted, u unexpected.
fn feed(pipeline: &mut Pipeline, tags: &str) -> String {
    tags.bytes()
        .map(|tag| {
            while pipeline.due().is_some() {}
            match pipeline.on_backend(tag) {
                Turn::Forward => 'f',
                Turn::Swallow => 's',
                Turn::Done(_) => 'd',
                Turn::Failed(..) => 'e',
                Turn::Ready(_) => 'z',
                Turn::Counted => 'c',
                Turn::Probed(readies) => (b'0' + readies as u8) as char,
                Turn::Unexpected => 'u',
            }
        })
        .collect()
}

use Kind::{Bind, CopyEnd, Describe, Execute, Parse, Query, Sync};

#[test]
fn many_requests_at_once_leave_no_room_behind_and_few_of_them_are_kept_room_for() {
    for (requests, is_kept) in [(1, true), (5, true), (1000, false)] {
        let mut p = pipeline(&vec![Parse; requests]);
        p.trim();
        assert!(p.queue.capacity() >= requests);
        assert_eq!(feed(&mut p, &"1".repeat(requests)), "d".repeat(requests));
        p.trim();
        assert_eq!(p.queue.capacity() > 0, is_kept, "{requests}");
    }
    assert_eq!(pipeline(&[Query]).queue.capacity(), 1);
}

#[test]
fn simple_query_is_over_at_ready_for_query() {
    let mut p = pipeline(&[Query]);
    assert_eq!(feed(&mut p, "TDDCTDC"), "fffffff");
    assert!(!p.is_idle());
    assert_eq!(feed(&mut p, "Z"), "z");
    assert!(p.is_idle());
}

#[test]
fn extended_batch_is_answered_one_by_one() {
    let mut p = pipeline(&[Parse, Bind, Describe, Execute, Sync]);
    assert_eq!(feed(&mut p, "12TDDCZ"), "dddffdz");
    assert!(p.is_idle());
}

#[test]
fn describe_of_a_statement_has_two_replies() {
    let mut p = pipeline(&[Parse, Describe, Describe, Sync]);
    assert_eq!(feed(&mut p, "1tnTZ"), "dfddz");
}

#[test]
fn error_skips_to_sync_and_the_next_batch_goes_on() {
    let mut p = pipeline(&[Parse, Bind, Execute, Sync, Bind, Execute, Sync]);
    assert_eq!(feed(&mut p, "1EZ2CZ"), "dezddz");
    assert!(p.is_idle());
}

#[test]
fn error_without_sync_skips_what_comes_until_sync() {
    let mut p = pipeline(&[Parse, Bind, Execute]);
    assert_eq!(feed(&mut p, "E"), "e");
    assert!(p.is_skipping() && !p.is_idle());
    p.push_sync();
    assert_eq!(feed(&mut p, "Z"), "z");
    assert!(p.is_idle());
}

#[test]
fn suspended_portal_ends_its_execute() {
    let mut p = pipeline(&[Execute, Execute, Sync]);
    assert_eq!(feed(&mut p, "DsDCZ"), "fdfdz");
}

#[test]
fn sync_sent_before_copy_data_is_ignored_by_the_server() {
    // As tokio-postgres does: Bind, Execute, Sync, then data, then CopyDone, Sync.
    let mut p = pipeline(&[Bind, Execute, Sync]);
    assert_eq!(feed(&mut p, "2G"), "df");
    assert!(p.in_copy());
    p.copy_ends();
    p.push_sync();
    assert_eq!(feed(&mut p, "CZ"), "dz");
    assert!(p.is_idle());
}

#[test]
fn copy_sent_blindly_in_one_go_is_followed() {
    let mut p = pipeline(&[Bind, Execute, Sync, CopyEnd, Sync]);
    assert_eq!(feed(&mut p, "2GCZ"), "dfdz");
    assert!(p.is_idle());
}

#[test]
fn sync_while_copying_is_not_waited_for() {
    let mut p = pipeline(&[Query]);
    assert_eq!(feed(&mut p, "G"), "f");
    p.push_sync();
    p.copy_ends();
    assert_eq!(feed(&mut p, "CZ"), "fz");
    assert!(p.is_idle());
}

#[test]
fn server_is_asked_which_syncs_counted_when_a_copy_failed() {
    // How many of the client's were answered, and whether it is still to send the one that ends the skipping.
    for (readies, skips) in [(0, true), (1, false), (2, false)] {
        let mut p = pipeline(&[Bind, Execute]);
        assert_eq!(feed(&mut p, "2G"), "df");
        p.push_sync();
        p.copy_ends();
        assert!(p.copy_is_in_doubt() && p.must_flush() && !p.must_flush());
        p.push_sync();
        assert_eq!(feed(&mut p, "E"), "e");
        assert!(p.is_probing() && p.must_probe() && !p.must_probe());
        for _ in 0..=readies {
            assert_eq!(feed(&mut p, "SZ"), "fc");
        }
        assert_eq!(feed(&mut p, "3"), char::from_digit(readies, 10).unwrap().to_string());
        assert_eq!((p.is_probing(), p.is_skipping()), (false, skips));
        p.push_sync();
        assert_eq!(feed(&mut p, "Z"), "z");
        assert!(p.is_idle());
    }
}

#[test]
fn copy_is_in_doubt_only_while_it_may_fail_with_a_sync_before_its_end() {
    let mut p = pipeline(&[Bind, Execute, CopyEnd, Sync]);
    assert!(!p.copy_is_in_doubt());
    assert_eq!(feed(&mut p, "2GCZ"), "dfdz");
    let mut p = pipeline(&[Bind, Execute, Sync, CopyEnd, Sync]);
    assert!(p.copy_is_in_doubt());
    assert_eq!(feed(&mut p, "2GC"), "dfd");
    assert_eq!(feed(&mut p, "Z"), "z");
    assert!(!p.copy_is_in_doubt());
    p.push(Entry::new(Query));
    assert!(!p.copy_is_in_doubt());
    assert_eq!(feed(&mut p, "G"), "f");
    p.push_sync();
    p.copy_ends();
    assert!(p.copy_is_in_doubt());
    // What fails now is not the COPY any more.
    assert_eq!(feed(&mut p, "CEZ"), "fez");
    assert!(p.is_idle());
}

#[test]
fn close_answered_before_the_sync_in_front_of_it_is_noticed() {
    let mut p = pipeline(&[Bind, Execute, Sync]);
    assert_eq!(feed(&mut p, "2GE"), "dfe");
    assert!(p.must_probe());
    assert_eq!(feed(&mut p, "3"), "u");
}

#[test]
fn query_sent_into_copy_data_is_out_of_step() {
    assert_eq!(feed(&mut pipeline(&[Query, Query]), "G"), "u");
}

#[test]
fn failed_copy_in_the_extended_protocol_waits_for_the_sync_after_it() {
    let mut p = pipeline(&[Bind, Execute]);
    assert_eq!(feed(&mut p, "2GE"), "dfe");
    assert!(p.is_skipping());
    p.copy_ends();
    p.push_sync();
    assert_eq!(feed(&mut p, "Z"), "z");
    assert!(p.is_idle());
}

#[test]
fn reply_of_the_proxy_waits_for_its_turn() {
    let mut p = pipeline(&[Execute]);
    p.push(Entry::own(b"mine"));
    assert_eq!(p.due(), None);
    assert_eq!(feed(&mut p, "C"), "d");
    assert_eq!(p.due(), Some(&b"mine"[..]));
    assert!(!p.has_outstanding());
}

#[test]
fn reply_of_the_proxy_is_skipped_behind_an_error() {
    let mut p = pipeline(&[Bind]);
    p.push(Entry::own(b"mine"));
    p.push_sync();
    assert_eq!(feed(&mut p, "EZ"), "ez");
    assert!(p.is_idle());
}

#[test]
fn message_nobody_asked_for_is_noticed() {
    assert_eq!(feed(&mut pipeline(&[]), "Z"), "u");
    assert_eq!(feed(&mut pipeline(&[Parse]), "C"), "u");
    assert_eq!(feed(&mut pipeline(&[]), "NS"), "ff");
}

#[test]
fn flushed_batch_is_open_until_its_sync_though_all_is_answered() {
    // As asyncpg does: Parse, Describe, Flush; later Bind, Execute, Sync.
    let mut p = pipeline(&[Parse, Describe]);
    assert_eq!(feed(&mut p, "1tT"), "dfd");
    assert!(!p.has_outstanding() && !p.is_idle());
    for kind in [Bind, Execute] {
        p.push(Entry::new(kind));
    }
    p.push_sync();
    assert_eq!(feed(&mut p, "2CZ"), "ddz");
    assert!(p.is_idle());
}

#[test]
fn lost_server_owes_each_batch_its_end() {
    let lost = |kinds: &[Kind]| {
        let lost = pipeline(kinds).server_lost();
        (lost.ended, lost.open)
    };
    assert_eq!(lost(&[Query]), (1, false));
    assert_eq!(lost(&[Bind, Execute, Sync, Bind, Sync]), (2, false));
    assert_eq!(lost(&[Sync, Bind, Execute]), (1, true));
}

#[test]
fn cancel_request_is_of_use_only_for_one_query_or_one_batch() {
    let mut pipeline = Pipeline::default();
    assert!(pipeline.can_be_cancelled());
    pipeline.push(Entry::new(Query));
    assert!(pipeline.can_be_cancelled());
    pipeline.push(Entry::new(Query));
    assert!(!pipeline.can_be_cancelled(), "the first may be a BEGIN");
    let mut pipeline = Pipeline::default();
    for kind in [Parse, Bind, Execute] {
        pipeline.push(Entry::new(kind));
    }
    assert!(pipeline.can_be_cancelled());
    pipeline.push_sync();
    assert!(pipeline.can_be_cancelled());
    pipeline.push(Entry::new(Parse));
    assert!(!pipeline.can_be_cancelled());
}
