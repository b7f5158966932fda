//! Conversations by hand.

use super::*;
use crate::console::{Column, Type, Value};

/// Knows one table, and writes down what it is told to do.
#[derive(Default)]
struct Fake {
    did: Vec<Command>,
    rows: u64,
}

const COLUMNS: &[Column] = &[Column { name: "version", kind: Type::Text }];

impl Run for Fake {
    async fn run(&mut self, command: &Command) -> Result<Done, Refusal> {
        self.did.push(command.clone());
        match command {
            Command::Show(_) => {
                let rows = (0..self.rows).map(|n| vec![Value::Number(n)]).collect();
                Ok(Done::Table(Table { columns: COLUMNS, rows }))
            }
            Command::Reload => Err(Refusal::error(SqlState::CONFIG_FILE_ERROR, "nothing was changed")),
            Command::Reconnect(_) => Ok(Done::Note(Some("mind".into()))),
            _ => Ok(Done::Note(None)),
        }
    }
}

struct Talk {
    conversation: Conversation,
    fake: Fake,
}

impl Talk {
    fn new(rows: u64) -> Self {
        Self { conversation: Conversation::default(), fake: Fake { rows, ..Fake::default() } }
    }

    /// What one message is answered: the tags, and of errors and completions the code or tag.
    async fn say(&mut self, tag: u8, body: &[u8]) -> String {
        let mut out = Vec::new();
        let next = self.conversation.on_message(tag, body, &mut self.fake, &mut out).await;
        let mut told = Vec::new();
        let mut rest = out.as_slice();
        while let Some((&tag, after)) = rest.split_first() {
            let length = u32::from_be_bytes(*after.first_chunk().unwrap()) as usize;
            let body = &after[4..length];
            rest = &after[length..];
            told.push(match tag {
                b'E' => format!("E:{}", String::from_utf8_lossy(view::error_field(body, b'C').unwrap())),
                b'N' => format!("N:{}", String::from_utf8_lossy(view::error_field(body, b'M').unwrap())),
                b'C' | b'Z' => {
                    format!("{}:{}", tag as char, String::from_utf8_lossy(body).trim_end_matches('\0'))
                }
                b'D' => "D".into(),
                b'T' => format!("T{}", u16::from_be_bytes(*body.first_chunk().unwrap())),
                tag => (tag as char).to_string(),
            });
        }
        if next == Next::End {
            told.push("end".into());
        }
        told.join(" ")
    }

    async fn query(&mut self, text: &str) -> String {
        self.say(b'Q', &[text.as_bytes(), b"\0"].concat()).await
    }

    async fn parse(&mut self, name: &str, text: &str) -> String {
        self.say(b'P', &[name.as_bytes(), b"\0", text.as_bytes(), b"\0\0\0"].concat()).await
    }

    async fn bind(&mut self, portal: &str, name: &str, rest: &[u8]) -> String {
        self.say(b'B', &[portal.as_bytes(), b"\0", name.as_bytes(), b"\0", rest].concat()).await
    }

    async fn execute(&mut self, portal: &str, most: u32) -> String {
        self.say(b'E', &[portal.as_bytes(), b"\0", &most.to_be_bytes()].concat()).await
    }
}

/// No parameters, all columns as text.
const AS_TEXT: &[u8] = &[0; 6];

#[tokio::test]
async fn queries_are_answered_one_statement_after_the_other() {
    let mut talk = Talk::new(2);
    assert_eq!(talk.query("show version").await, "T1 D D C:SHOW Z:I");
    assert_eq!(talk.query("pause; show version; resume").await, "C:PAUSE T1 D D C:SHOW C:RESUME Z:I");
    assert_eq!(talk.query("pause; reload; resume").await, "C:PAUSE E:F0000 Z:I");
    assert_eq!(talk.fake.did.last(), Some(&Command::Reload), "what stands behind a mistake is not done");
    assert_eq!(talk.query("reconnect").await, "N:mind C:RECONNECT Z:I");
    assert_eq!(talk.query(" ; ").await, "I Z:I");
    assert_eq!(talk.query("show help").await, "N:Console usage C:SHOW Z:I");
    assert_eq!(talk.query("show server_version").await, "T1 D C:SHOW Z:I");
}

#[tokio::test]
async fn text_that_is_wrong_somewhere_does_nothing_at_all() {
    let mut talk = Talk::new(0);
    assert_eq!(talk.query("pause; select 1").await, "E:42601 Z:I");
    assert_eq!(talk.say(b'Q', b"show \xff\0").await, "E:22021 Z:I");
    assert_eq!(talk.say(b'Q', b"show version").await, "E:08P01 Z:I", "it has no end");
    assert_eq!(talk.fake.did, []);
}

#[tokio::test]
async fn prepared_statement_is_described_bound_and_run_as_often_as_it_is_bound() {
    let mut talk = Talk::new(3);
    assert_eq!(talk.parse("s", "show version").await, "1");
    assert_eq!(talk.say(b'D', b"Ss\0").await, "t T1");
    for _ in 0..2 {
        assert_eq!(talk.bind("", "s", AS_TEXT).await, "2");
        assert_eq!(talk.say(b'D', b"P\0").await, "T1");
        assert_eq!(talk.execute("", 0).await, "D D D C:SHOW");
        assert_eq!(talk.say(b'S', b"").await, "Z:I");
    }
    assert_eq!(talk.fake.did.len(), 2, "describing does nothing");
    assert_eq!(talk.parse("s", "pause").await, "E:42P05");
    assert_eq!(talk.say(b'S', b"").await, "Z:I");
    assert_eq!(talk.say(b'C', b"Ss\0").await, "3");
    assert_eq!(talk.parse("s", "pause").await, "1");
    assert_eq!(talk.say(b'D', b"Ss\0").await, "t n");
}

#[tokio::test]
async fn rows_come_in_portions_where_that_is_asked_for() {
    let mut talk = Talk::new(5);
    talk.parse("", "show version").await;
    talk.bind("", "", AS_TEXT).await;
    assert_eq!(talk.execute("", 2).await, "D D s");
    assert_eq!(talk.execute("", 2).await, "D D s");
    assert_eq!(talk.execute("", 2).await, "D C:SHOW");
    assert_eq!(talk.fake.did.len(), 1);
    assert_eq!(talk.execute("", 2).await, "E:55000");
}

#[tokio::test]
async fn after_an_error_nothing_is_done_until_a_sync() {
    let mut talk = Talk::new(1);
    assert_eq!(talk.parse("", "select 1").await, "E:42601");
    assert_eq!(talk.bind("", "", AS_TEXT).await, "");
    assert_eq!(talk.execute("", 0).await, "");
    assert_eq!(talk.query("pause").await, "");
    assert_eq!(talk.say(b'S', b"").await, "Z:I");
    assert_eq!(talk.fake.did, []);
}

#[tokio::test]
async fn parameters_are_refused_and_malformed_messages_do_no_harm() {
    let mut talk = Talk::new(1);
    for (tag, body, code) in [
        (b'P', &b"\0pause\0\0\x01\0\0\0\x17"[..], "0A000"),
        (b'P', b"\0pause; pause\0\0\0", "42601"),
        (b'P', b"\0pause", "08P01"),
        (b'B', b"\0none\0\0\0\0\0\0\0", "26000"),
        (b'D', b"Snone\0", "26000"),
        (b'D', b"Pnone\0", "34000"),
        (b'D', b"", "08P01"),
        (b'E', b"none\0\0\0\0\0", "34000"),
        (b'E', b"none\0\0", "08P01"),
        (b'C', b"x", "08P01"),
        (b'F', b"", "0A000"),
    ] {
        assert_eq!(talk.say(tag, body).await, format!("E:{code}"), "{:?}", String::from_utf8_lossy(body));
        assert_eq!(talk.say(b'S', b"").await, "Z:I");
    }
    talk.parse("s", "pause").await;
    for rest in [
        &b"\0\0\0\x01\0\0\0\x01x\0\0"[..],
        b"\0\x02\0\0\0\0\0\0\0\0",
        b"\0",
        b"",
        b"\0\0\0\0\0\x01\0\x02",
        b"\0\0\0\0\0\0x",
    ] {
        assert!(talk.bind("", "s", rest).await.starts_with("E:"), "{rest:?}");
        talk.say(b'S', b"").await;
    }
    assert_eq!(talk.fake.did, []);
    assert_eq!(talk.say(b'?', b"").await, "E:08P01 end");
}

#[tokio::test]
async fn transactions_of_drivers_are_followed() {
    let mut talk = Talk::new(0);
    assert_eq!(talk.query("begin").await, "C:BEGIN Z:T");
    assert_eq!(talk.query("show version").await, "T1 C:SHOW Z:T");
    assert_eq!(talk.query("nonsense").await, "E:42601 Z:E");
    assert_eq!(talk.query("pause").await, "E:25P02 Z:E");
    assert_eq!(talk.query("commit").await, "C:ROLLBACK Z:I");
    talk.query("begin").await;
    assert_eq!(talk.query("commit").await, "C:COMMIT Z:I");
    assert_eq!(talk.query("rollback").await, "C:ROLLBACK Z:I");
    assert_eq!(talk.fake.did.len(), 1);
}

#[tokio::test]
async fn statements_and_portals_of_one_client_are_bounded() {
    let mut talk = Talk::new(0);
    for n in 0..MAX_NAMES {
        assert_eq!(talk.parse(&n.to_string(), "pause").await, "1");
    }
    assert_eq!(talk.parse("more", "pause").await, "E:54000");
    talk.say(b'S', b"").await;
    for n in 0..MAX_NAMES {
        assert_eq!(talk.bind(&n.to_string(), "0", AS_TEXT).await, "2");
    }
    assert_eq!(talk.bind("more", "0", AS_TEXT).await, "E:54000");
    talk.say(b'S', b"").await;
    assert_eq!(talk.bind("more", "0", AS_TEXT).await, "2", "portals go with the transaction");
}
