//! Compares the walk with the oracle of the tests on a directory of SQL files, for example PostgreSQL's
//! `src/test/regress/sql`. Exits with 1 on any difference.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

#[path = "../tests/support/oracle.rs"]
mod oracle;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        println!("usage: compare_walks DIRECTORY");
        return ExitCode::from(2);
    };
    let (mut compared, mut different, mut left_out, mut relations) = (0, 0, 0, 0);
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        for statement in pg_query::split_with_scanner(&text).unwrap_or_default() {
            let Some((walk, oracle)) = oracle::both(statement) else {
                left_out += 1;
                continue;
            };
            compared += 1;
            relations += walk.get("rangevar").copied().unwrap_or(0);
            if walk != oracle {
                different += 1;
                println!("{}: {statement}", path.display());
            }
        }
    }
    println!(
        "{compared} statements compared, {relations} relations, {left_out} not parsed, {different} different"
    );
    ExitCode::from(u8::from(different > 0))
}
