//! Settings and what a server tells of them without being asked; DISCARD.

use super::harness::{ask, batch, same, same_with, say, script};
use crate::support::wire::{bind, execute, parse, query, sync, unnamed};

#[test]
fn reported_settings_are_told_when_they_change() {
    same(&script(&[
        "set application_name = 'one'",
        "set datestyle = 'German'; set intervalstyle = 'iso_8601'",
        "set timezone = 'Europe/Berlin'",
        "select now()::text is not null",
        "reset timezone",
        "set application_name to default",
        "reset all",
        "set application_name = 'one'; select 1/0",
        "show application_name",
        "select set_config('application_name', 'two', false)",
        "select set_config('application_name', 'three', true)",
        "show application_name",
        "set datestyle = 'nonsense'",
        "set work_mem = '1kB'",
    ]));
    same(
        &[
            say(&[
                unnamed("set application_name = 'one'", &[]),
                unnamed("show application_name", &[]),
                sync(),
            ]),
            say(&[unnamed("set application_name = 'two'", &[]), unnamed("select 1/0", &[]), sync()]),
            say(&[
                parse("", "select set_config('application_name', $1, false)"),
                bind("", "", &["three"]),
                execute("", 0),
                sync(),
            ]),
            ask("show application_name"),
        ]
        .concat(),
    );
}

#[test]
fn settings_follow_their_transaction() {
    same(&script(&[
        "begin",
        "set application_name = 'one'",
        "rollback",
        "show application_name",
        "begin",
        "set local application_name = 'two'",
        "show application_name",
        "commit",
        "show application_name",
        "begin",
        "set application_name = 'three'",
        "savepoint a",
        "set application_name = 'four'",
        "rollback to a",
        "show application_name",
        "set local application_name = 'five'",
        "select 1/0",
        "rollback to a",
        "commit",
        "show application_name",
        "begin; set datestyle = 'German'; select 1/0",
        "commit",
        "show datestyle",
        "begin; reset all; rollback",
        "show application_name",
    ]));
}

#[test]
fn discard_in_all_its_kinds() {
    same(&script(&[
        "set application_name = 'one'",
        "discard all",
        "show application_name",
        "begin",
        "discard all",
        "rollback",
        "select 1; discard all",
        "discard plans",
        "discard temp",
        "discard sequences",
        "create temp table t (id int)",
        "discard temp",
        "table t",
        "create temp table t (id int)",
        "set datestyle = 'German'",
        "discard all",
        "table t",
        "show datestyle",
        "reset all",
        "reset application_name",
        "reset session authorization",
        "reset nothing",
        "set session characteristics as transaction read only",
        "insert into alone values (7)",
        "set session characteristics as transaction read write",
    ]));
    same(
        &[
            say(&[parse("s", "select 1"), unnamed("discard all", &[]), sync()]),
            say(&[bind("", "s", &[]), sync()]),
            say(&[parse("s", "select 1"), unnamed("deallocate all", &[]), bind("", "s", &[]), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn settings_of_the_startup_packet_are_what_reset_goes_back_to() {
    let more = [("application_name", "startup"), ("options", "-c datestyle=German -c work_mem=5MB")];
    same_with(
        &more,
        &script(&[
            "show application_name; show datestyle; show work_mem",
            "set application_name = 'x'; set datestyle = 'ISO'; set work_mem = '6MB'",
            "show application_name; show datestyle; show work_mem",
        ]),
    );
    let shown = "show application_name; show datestyle; show work_mem";
    let change = "set application_name = 'x'; set work_mem = '6MB'";
    for reset in [
        "reset all",
        "discard all",
        "reset application_name",
        "set application_name to default",
        "select 1; reset all; select 2",
        "select 1/0; reset all",
        "set datestyle = 'SQL'; reset application_name",
        "reset datestyle",
    ] {
        same_with(&more, &script(&[change, reset, shown, "reset all", "set application_name = 'y'", shown]));
        let run = [unnamed(change.split(';').next().unwrap(), &[]), sync()].concat();
        if !reset.contains(';') {
            same_with(&more, &[say(&[run]), say(&[unnamed(reset, &[]), sync()]), ask(shown)].concat());
        }
    }
    same_with(&more, &script(&["create temp table t (id int)", change, "discard all", shown]));
    same_with(
        &more,
        &script(&[change, "begin; reset all; rollback", shown, "begin", "discard all", "rollback", shown]),
    );
}

/// The server connection has its own defaults up to the end of the transaction block.
#[test]
fn reset_within_a_transaction_block_puts_back_the_startup_packets_settings_at_once() {
    let more = [("application_name", "startup"), ("options", "-c datestyle=German -c work_mem=5MB")];
    let shown = "show application_name; show datestyle; show work_mem";
    let change = "set application_name = 'x'; set datestyle = 'ISO'; set work_mem = '6MB'";
    for reset in ["reset all", "reset application_name", "set datestyle to default", "reset work_mem"] {
        for end in ["commit", "rollback", "rollback; select 1"] {
            same_with(&more, &script(&[change, "begin", reset, shown, end, shown]));
        }
        same_with(
            &more,
            &script(&["begin", change, reset, "set application_name = 'y'", shown, "commit", shown]),
        );
        same_with(
            &more,
            &script(&[
                change,
                "begin",
                "savepoint s",
                reset,
                shown,
                "rollback to s",
                shown,
                reset,
                "select 1/0",
                shown,
                "rollback to s",
                shown,
                "commit",
                shown,
            ]),
        );
        let alone = |text: &str| say(&[[unnamed(text, &[]), sync()].concat()]);
        same_with(
            &more,
            &[
                ask(change.split(';').next().unwrap()),
                alone("begin"),
                alone(reset),
                ask(shown),
                alone("commit"),
                ask(shown),
            ]
            .concat(),
        );
    }
    for reset in ["reset all", "reset work_mem"] {
        let at_once =
            |texts: &[&str]| batch(&texts.iter().map(|text| query(text)).collect::<Vec<_>>(), texts.len());
        same_with(&more, &[ask(change), at_once(&["begin", reset, shown, "commit", shown])].concat());
        same_with(&more, &[ask(change), at_once(&[reset, shown, "select 1"])].concat());
        let batches: Vec<_> = ["begin", reset, "show work_mem", "commit"]
            .map(|text| [unnamed(text, &[]), sync()].concat())
            .into();
        same_with(&more, &[ask(change), batch(&batches, 4), ask(shown)].concat());
    }
    same_with(
        &more,
        &script(&[
            change,
            "begin; reset all; select 1",
            shown,
            "select 1; reset work_mem",
            shown,
            "commit",
            shown,
        ]),
    );
    same_with(
        &more,
        &script(&[
            change,
            "begin; reset all; rollback; begin",
            shown,
            "reset all; commit; begin",
            shown,
            "rollback",
            shown,
        ]),
    );
    // A cancel, or whatever else may come in between, is told.
    same_with(&more, &script(&["begin", "reset all", "select 1/0", "reset all", "rollback", shown]));
}
