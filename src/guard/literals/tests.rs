//! Texts of one key have one meaning to the guard: proved on all short texts, on random ones, and on the
//! corpus with other literals.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;

use pgtenant_sqltree::{Scanned, tokens};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::*;
use crate::config::GuardMode;
use crate::guard::facts::Facts;
use crate::guard::{Guard, Scope, Verdict, walk};
use crate::tenant::{Ident, Level, TenantId};

const MAX_STATEMENT_BYTES: usize = 1 << 20;

fn key(text: &str) -> Option<Vec<u8>> {
    let mut key = b"left over".to_vec();
    write_key(text, &mut key).then_some(key)
}

fn facts(text: &str) -> Facts {
    walk::facts(text, MAX_STATEMENT_BYTES)
}

/// What PostgreSQL's scanner hands to the grammar, without the values of constants that have no prefix,
/// exponent or the like: those are what a key may leave open. `None` if it refuses the text.
fn skeleton(text: &str) -> Option<Vec<(Scanned, &str)>> {
    let plain =
        |bytes: &str| bytes.starts_with('\'') || bytes.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let token = |(scanned, range): (Scanned, Range<usize>)| {
        let bytes = &text[range];
        match scanned {
            Scanned::Comment => None,
            Scanned::String | Scanned::Integer | Scanned::Decimal if plain(bytes) => Some((scanned, "")),
            _ => Some((scanned, bytes)),
        }
    };
    Some(tokens(text).ok()?.into_iter().filter_map(token).collect())
}

#[test]
fn plain_literals_and_comments_are_left_open() {
    for (one, other) in [
        ("SELECT 1", "SELECT 20"),
        ("SELECT 1", "SELECT 2147483647"),
        ("SELECT 1.5", "SELECT .25"),
        ("SELECT 1.5", "SELECT 2147483648"),
        ("SELECT ''", "SELECT 'it''s -- /* \" $$'"),
        ("SELECT 'a'", "SELECT 'b'\n'c'"),
        ("SELECT 'a\\', 1", "SELECT 'b', 2"),
        ("SELECT 1 -- a", "SELECT 2 -- b'"),
        ("SELECT 1 /* a */", "SELECT 1 /* b /* ' */ */"),
        ("SELECT -1", "SELECT -2"),
        ("SELECT a[1]", "SELECT a[2]"),
    ] {
        assert!(key(one).is_some(), "{one}");
        assert_eq!(key(one), key(other), "{one} and {other}");
    }
}

#[test]
fn everything_else_makes_another_key() {
    let texts = [
        "SELECT 1",
        "SELECT  1",
        "select 1",
        "SELECT '1'",
        "SELECT 1.0",
        "SELECT 1e0",
        "SELECT 1e1",
        "SELECT 1_0",
        "SELECT 1_1",
        "SELECT 0x1",
        "SELECT 0x2",
        "SELECT 00000000001",
        "SELECT E'1'",
        "SELECT E'2'",
        "SELECT N'1'",
        "SELECT B'1'",
        "SELECT X'1'",
        "SELECT X'2'",
        "SELECT $$1$$",
        "SELECT $$2$$",
        "SELECT $a$1$a$",
        "SELECT $1, 1",
        "SELECT $2, 1",
        "SELECT a, 1",
        "SELECT \"a\", 1",
        "SELECT \"A\", 1",
        "SELECT - 1",
        "SELECT 'a' 'b'",
        "SELECT 1/**/",
        "SELECT 1 /**/",
        "SELECT 1--",
        "SELECT 1 --",
        "SELECT true, 1",
        "SELECT false, 1",
        "SELECT NULL, 1",
    ];
    let keys: HashMap<_, _> = texts.iter().filter_map(|text| key(text).map(|key| (key, text))).collect();
    assert_eq!(keys.len(), texts.iter().filter(|text| key(text).is_some()).count(), "{keys:?}");
    assert!(keys.len() >= 20, "{}", keys.len());
}

#[test]
fn text_that_is_wrong_or_has_unicode_escapes_or_nothing_to_leave_open_has_no_key() {
    let long = format!("SELECT '{}'", "x".repeat(MAX_BYTES));
    let deep = format!("SELECT 1 {}{}", "/*".repeat(33), "*/".repeat(33));
    let operators = format!("SELECT 1 {}", "/**/".repeat(5_000));
    for text in [
        "SELECT $1",
        "",
        "SELECT E'a'",
        "SELECT 'a",
        "SELECT \"a, 1",
        "SELECT $$a, 1",
        "SELECT 1 /*",
        "SELECT 1a",
        "SELECT 1 FROM U&\"a\" UESCAPE '!'",
        "SELECT U&'a' UESCAPE '!'",
        "SELECT u&\"a\", 1",
        "SELECT 1 \0",
        "SELECT 'a\0b'",
        "SELECT 1 --\0",
        &long,
        &deep,
        &operators,
    ] {
        assert_eq!(key(text), None, "{text}");
    }
    assert!(key(&format!("SELECT '{}'", "x".repeat(MAX_BYTES - 9))).is_some());
}

/// The case that makes a key without a closer look dangerous: the string decides what the name means.
#[test]
fn string_behind_uescape_is_never_left_open() {
    let named = |escape| facts(&format!("SELECT 'x' FROM U&\"!0061\" UESCAPE '{escape}' .b"));
    assert!(!named("!").is_unparsable() && !named("?").is_unparsable());
    assert_ne!(named("!"), named("?"));
    assert_eq!(key("SELECT 1 FROM U&\"!0061\" UESCAPE '!' .b"), None);
}

/// All texts of up to `longest` letters of an alphabet.
fn for_all_texts(alphabet: &str, longest: usize, mut see: impl FnMut(&str)) {
    fn extend(text: &mut String, alphabet: &str, longest: usize, see: &mut impl FnMut(&str)) {
        see(text);
        if longest > 0 {
            for letter in alphabet.chars() {
                text.push(letter);
                extend(text, alphabet, longest - 1, see);
                text.pop();
            }
        }
    }
    extend(&mut String::new(), alphabet, longest, &mut see);
}

#[test]
fn short_texts_of_one_key_have_the_same_tokens() {
    for alphabet in ["1.2e_x ", "'\n-\\a1/*", "+-*/<1'\n", "$1a '2\n", "bE'\\1\n ", "0_1ob.9"] {
        let mut seen: HashMap<Vec<u8>, Vec<(Scanned, String)>> = HashMap::new();
        let mut same = 0;
        for_all_texts(alphabet, 5, |text| {
            let (Some(key), Some(tokens)) = (key(text), skeleton(text)) else { return };
            let tokens: Vec<_> = tokens.into_iter().map(|(kind, bytes)| (kind, bytes.to_owned())).collect();
            match seen.get(&key) {
                Some(first) => {
                    same += 1;
                    assert_eq!(*first, tokens, "{text:?}");
                }
                None => {
                    seen.insert(key, tokens);
                }
            }
        });
        assert!(same > 500, "{alphabet:?}: {same}");
    }
}

/// What a string may hold: names, settings and SQL that some rule looks for, and what confuses a lexer.
fn string() -> impl Strategy<Value = String> {
    let content = prop_oneof![
        6 => select(&[
            "", "a", "role", "search_path", "client_encoding", "UTF8", "LATIN1", "none", "true", "false", "off", "on",
            "tenant_beta", "tenant_beta.t", "tenant_alpha.t", "pg_temp", "public, tenant_beta", "{tenant_beta.t}",
            "{a,b}", "tenant_beta.f(int)", "f(tenant_beta.t)", "SELECT f(1)", "DROP SCHEMA tenant_beta", "select", "!",
            "1 day", "year", "2020-01-01", "$.a", "table", "{\"a\": 1}",
        ][..]).prop_map(str::to_owned),
        2 => select(&["'", "''", "\\", "\\'", "--", "/*", "*/", "$$", "\"", "\n", "-- '\n", "é", "\u{1f600}", "E'"][..])
            .prop_map(str::to_owned),
        1 => "(?s)[^\0]{0,20}",
    ];
    content.prop_map(|content| format!("'{}'", content.replace('\'', "''")))
}

fn integer() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..100_u32).prop_map(|number| number.to_string()),
        (0..=i32::MAX).prop_map(|number| number.to_string()),
        "[0-9]{1,9}",
    ]
}

fn decimal() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9]{1,12}\\.[0-9]{0,12}", "\\.[0-9]{1,12}", "[1-9][0-9]{10,30}"]
}

fn block_comment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^*/\0]{0,20}".prop_map(|words| format!("/*{words}*/")),
        Just("/* /* ' */ -- \" */".to_owned()),
        Just("/***/".to_owned()),
    ]
}

/// One text made of another's parts: its literals and comments are new, and all else is the same.
fn varied(text: &str) -> BoxedStrategy<String> {
    let mut parts: Vec<BoxedStrategy<String>> = Vec::new();
    let mut kept = 0;
    for piece in Lexer::new(text).map_while(Result::ok) {
        let part = match piece.token {
            Token::String => string().boxed(),
            Token::Integer => integer().boxed(),
            Token::Decimal => decimal().boxed(),
            Token::LineComment => "--[^\n\r\0]{0,20}".boxed(),
            Token::BlockComment => block_comment().boxed(),
            Token::Other | Token::Unicode | Token::Wrong => continue,
        };
        parts.push(Just(text[kept..piece.start].to_owned()).boxed());
        parts.push(part);
        kept = piece.end;
    }
    parts.push(Just(text[kept..].to_owned()).boxed());
    parts.prop_map(|parts| parts.concat()).boxed()
}

static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/guard");
    let files =
        ["allow", "deny"].into_iter().flat_map(|directory| fs::read_dir(root.join(directory)).unwrap());
    let mut texts: Vec<String> =
        files.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    // Without its first line, which is a comment, a file shows what its literals alone do.
    let bare: Vec<String> =
        texts.iter().filter_map(|text| text.split_once('\n')).map(|(_, rest)| rest.to_owned()).collect();
    texts.extend(bare);
    texts.retain(|text| key(text).is_some());
    texts.sort();
    texts
});

/// Expressions that rules look into, and others; `S`, `I` and `D` become literals.
const EXPRESSIONS: &[&str] = &[
    "S",
    "I",
    "D",
    "a",
    "t.a",
    "$1",
    "- I",
    "- D",
    "- S",
    "I + D",
    "S || S",
    "a = S",
    "a IN (I, I, S)",
    "a LIKE S ESCAPE S",
    "S::text",
    "S::regclass",
    "CAST(S || S AS regtype)",
    "regclass S",
    "ARRAY[S, S]::regclass[]",
    "S::regclass[]",
    "a::regclass = S",
    "S = a::regrole",
    "I::float(I)",
    "a::numeric(I, I)",
    "a::varchar(I)",
    "timestamp(I) S",
    "interval S",
    "interval S second(I)",
    "interval(I) S",
    "date S",
    "float(I) S",
    "bit(I) S",
    "char(I) S",
    "N S",
    "a::int[I]",
    "a[I]",
    "a[I:I]",
    "(a).b[I]",
    "set_config(S, S, true)",
    "set_config(S, S, false)",
    "set_config(S, S, S)",
    "set_config(S, a, true)",
    "set_config(a, S, true)",
    "pg_catalog.set_config(S::text, S || S, I = I)",
    "current_setting(S)",
    "nextval(S)",
    "currval(S)",
    "setval(S, I)",
    "to_regclass(S)",
    "to_regtype(S)",
    "regclass(S)",
    "has_table_privilege(S, S)",
    "has_schema_privilege(S, S, S)",
    "pg_get_object_address(S, ARRAY[S, S], S)",
    "pg_get_object_address(S, S, S)",
    "query_to_xml(S, true, true, S)",
    "schema_to_xml(S, true, true, S)",
    "dblink(S, S)",
    "to_tsvector(S, a)",
    "ts_rewrite(S, S)",
    "pg_notify(S, S)",
    "pg_advisory_lock(I)",
    "pg_advisory_xact_lock(I, I)",
    "pg_advisory_unlock_all()",
    "lower(S)",
    "f(S)",
    "b.f(S)",
    "f(a => S)",
    "setseed(D)",
    "pg_read_file(S)",
    "lo_export(I, S)",
    "extract(S FROM a)",
    "substring(S FROM I FOR I)",
    "substring(a SIMILAR S ESCAPE S)",
    "overlay(S PLACING S FROM I)",
    "trim(S FROM S)",
    "position(S IN S)",
    "a AT TIME ZONE S",
    "a COLLATE \"C\"",
    "a IS JSON",
    "JSON_VALUE(a, S)",
    "JSON_QUERY(a, S DEFAULT S ON ERROR)",
    "JSON_EXISTS(a, S PASSING I AS x)",
    "JSON_OBJECT(S: I)",
    "JSON(S)",
    "JSON_SCALAR(I)",
    "xmlelement(name a, xmlattributes(S AS b), S)",
    "xmlparse(document S)",
    "xmlpi(name a, S)",
    "xmlroot(a, version S)",
    "xmlserialize(content a AS text)",
    "xmlexists(S PASSING a)",
    "normalize(S, NFC)",
    "CASE WHEN a = I THEN S ELSE D END",
    "COALESCE(S, a)",
    "(SELECT S)",
    "EXISTS (SELECT I)",
    "a = ANY (ARRAY[S])",
    "ROW(I, S)",
    "GROUPING(a)",
    "percentile_cont(D) WITHIN GROUP (ORDER BY a)",
    "count(*) FILTER (WHERE a = S)",
    "lag(a, I) OVER (ORDER BY S)",
    "sum(a) OVER (ROWS BETWEEN I PRECEDING AND I FOLLOWING)",
    "NULL",
    "true",
    "E'x'",
    "$$x$$",
    "1e5",
    "X'0'",
    "B'1'",
];

/// Statements, with expressions for `E`.
const STATEMENTS: &[&str] = &[
    "SELECT E",
    "SELECT E, E FROM t WHERE E",
    "SELECT E AS x FROM t JOIN u ON E ORDER BY E LIMIT E OFFSET I",
    "VALUES (E), (E)",
    "SELECT * FROM t WHERE E AND (E OR NOT E) GROUP BY E HAVING E",
    "SELECT E ORDER BY E FETCH FIRST I ROWS WITH TIES",
    "SELECT * FROM t FETCH NEXT (I) ROWS ONLY FOR UPDATE",
    "SELECT E UNION ALL SELECT E",
    "SELECT DISTINCT ON (E) E FROM t",
    "WITH x AS (SELECT E), y AS (INSERT INTO t VALUES (E) RETURNING E) SELECT E FROM x, y",
    "WITH RECURSIVE x AS (SELECT I UNION SELECT I FROM x) SEARCH DEPTH FIRST BY a SET b CYCLE a SET c TO S DEFAULT S USING p SELECT E FROM x",
    "INSERT INTO t (a, b) VALUES (E, E), (E, DEFAULT) ON CONFLICT (a) DO UPDATE SET b = E WHERE E RETURNING E",
    "INSERT INTO tenant_beta.t SELECT E",
    "UPDATE t SET a = E, b[I] = E FROM u WHERE E RETURNING E",
    "UPDATE pg_settings SET setting = S",
    "DELETE FROM t USING u WHERE E",
    "MERGE INTO t USING u ON E WHEN MATCHED AND E THEN UPDATE SET a = E WHEN NOT MATCHED THEN INSERT VALUES (E)",
    "SELECT * FROM JSON_TABLE(E, S COLUMNS (a int PATH S DEFAULT E ON EMPTY, NESTED PATH S COLUMNS (b text EXISTS PATH S))) AS j",
    "SELECT * FROM XMLTABLE(XMLNAMESPACES(S AS x), S PASSING (E) COLUMNS a int PATH S DEFAULT (E), b FOR ORDINALITY) AS j",
    "SELECT * FROM f(E) AS g(a varchar(I)), ROWS FROM (f(E), g(E)) WITH ORDINALITY, LATERAL (SELECT E) AS l",
    "SELECT * FROM t TABLESAMPLE bernoulli (I) REPEATABLE (I)",
    "SELECT E INTO TEMP u FROM t",
    "SELECT E; SELECT E",
    "SELECT E;; /* S */ DELETE FROM t",
    "TABLE t",
    "SELECT E WINDOW w AS (PARTITION BY E ORDER BY E RANGE BETWEEN E PRECEDING AND CURRENT ROW)",
    "SELECT a FROM t WHERE a IS DISTINCT FROM E AND a BETWEEN E AND E AND a SIMILAR TO S",
    "SELECT E FROM t a(b), u",
    "COPY (SELECT E) TO STDOUT (DELIMITER S)",
    "EXPLAIN SELECT E",
    "PREPARE p AS SELECT E",
    "DECLARE c CURSOR FOR SELECT E",
    "SET a.b = S",
    "SET LOCAL role = S",
    "SET TIME ZONE S",
    "SET TIME ZONE INTERVAL S HOUR TO MINUTE",
    "CREATE TABLE t (a varchar(I) DEFAULT E)",
    "DO S",
    "CALL f(E)",
    "EXECUTE p(E)",
    "COMMENT ON TABLE t IS S",
    "CREATE FUNCTION f() RETURNS int LANGUAGE S AS S",
    "LOAD S",
    "NOTIFY a, S",
    "SHOW a",
    "ALTER TABLE t ALTER a SET STATISTICS I",
    "SELECT S::regclass; SET a.b = S",
    "BEGIN; SELECT E; COMMIT",
    "UPDATE t SET a = I; DISCARD ALL",
];

/// A statement's shape with its letters filled, and again with other literals.
fn pair() -> impl Strategy<Value = (String, String)> {
    let expressions = proptest::collection::vec(select(EXPRESSIONS), 6);
    let generated = (select(STATEMENTS), expressions).prop_map(|(statement, expressions)| {
        let mut next = expressions.into_iter().cycle();
        let expand =
            |word: &str| if word == "E" { next.next().unwrap_or("S").to_owned() } else { word.to_owned() };
        let text = words(statement).map(expand).collect::<String>();
        words(&text)
            .map(|word| match word {
                "S" => "'s'",
                "I" => "1",
                "D" => "1.5",
                word => word,
            })
            .collect::<String>()
    });
    let text = prop_oneof![3 => generated, 1 => select(&CORPUS[..])];
    text.prop_flat_map(|text| (varied(&text), varied(&text)))
}

/// The words of a text and what is between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '\'';
    text.split_inclusive(move |c| !is_word(c)).flat_map(move |part| {
        let (word, end) = part.split_at(part.trim_end_matches(|c| !is_word(c)).len());
        [word, end]
    })
}

fn scopes() -> [Scope; 3] {
    let scope = |level, hardened| Scope {
        tenant: TenantId(Uuid::from_u128(1)),
        schema: Ident::parse("tenant_alpha").unwrap(),
        role: Ident::parse("tenant_alpha").unwrap(),
        channels: crate::tenant::ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Vec::new().into(),
        extra_functions: std::sync::Arc::new([]),
        extra_settings: std::sync::Arc::new([]),
        level,
        hardened,
        access: crate::tenant::Access::ReadWrite,
    };
    [scope(Level::Dedicated, false), scope(Level::Shared, true), scope(Level::Shared, false)]
}

fn guard() -> Guard {
    Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_functions: Vec::new(),
        extra_settings: Vec::new(),
        max_statement_bytes: MAX_STATEMENT_BYTES,
        cache_bytes: 4 << 20,
    })
}

/// What a caller learns from a verdict; without the effects of a text that no server takes.
fn told(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allow(allowed) => {
            format!("{:?} {:?} {:?}", allowed.effects, allowed.rewritten, allowed.reported)
        }
        Verdict::Deny(denial) => format!("{denial:?}"),
    }
}

fn is_unparsable(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Deny(denial) if denial.rule.id == "unparsable")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_of_one_key_have_the_same_tokens_and_facts((one, other) in pair()) {
        prop_assert_eq!(key(&one), key(&other), "{} and {}", one, other);
        if key(&one).is_none() {
            return Ok(());
        }
        prop_assert_eq!(skeleton(&one), skeleton(&other), "{} and {}", one, other);
        let (one_facts, other_facts) = (facts(&one), facts(&other));
        let answered_by_key = one_facts.hold_for_other_literals() || other_facts.hold_for_other_literals();
        if answered_by_key && !one_facts.is_unparsable() && !other_facts.is_unparsable() {
            prop_assert_eq!(one_facts, other_facts, "{} and {}", one, other);
        }
    }

    #[test]
    fn texts_of_random_pieces_and_one_key_have_the_same_tokens(
        pieces in proptest::collection::vec(select(&[
            "'", "''", "'a'", "\\", "E'", "b'", "N", "U&", "\"", "$", "$a$", "1", "23", ".", "e", "_", "-", "--", "/*", "*/", "+", "\n", " ", "a",
        ][..]), 0..12),
        others in proptest::collection::vec(0..12_usize, 3),
    ) {
        // The same pieces with some of them changed, which often is the same key.
        let text = pieces.concat();
        let mut changed = pieces.clone();
        for at in others {
            if let Some(piece) = changed.get_mut(at) {
                *piece = match *piece { "1" => "23", "23" => "1", "'a'" => "''", "''" => "'a'", "a" => "1", "-" => "a", piece => piece };
            }
        }
        let changed = changed.concat();
        if key(&text).is_some() && key(&text) == key(&changed)
            && let (Some(one), Some(other)) = (skeleton(&text), skeleton(&changed))
        {
            prop_assert_eq!(one, other, "{} and {}", text, changed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn remembering_guard_judges_as_a_fresh_one(pairs in proptest::collection::vec(pair(), 1..10)) {
        let guard = guard();
        let firsts = pairs.iter().map(|(one, _)| one);
        for text in firsts.chain(pairs.iter().map(|(_, other)| other)) {
            for scope in scopes() {
                let known = guard.is_cached(text);
                let (verdict, fresh) = (guard.judge(text, &scope), self::guard().judge(text, &scope));
                prop_assert!(guard.is_cached(text), "{}", text);
                if known && is_unparsable(&fresh) {
                    continue;
                }
                prop_assert_eq!(told(verdict), told(fresh), "{}", text);
            }
        }
    }
}

fn judged(guard: &Guard, text: &str) -> String {
    match guard.judge(text, &scopes()[0]) {
        Verdict::Allow(..) => "allow".to_owned(),
        Verdict::Deny(denial) => denial.rule.id.to_owned(),
    }
}

fn counts(guard: &Guard) -> [u64; 3] {
    let stats = guard.stats();
    [stats.hits, stats.key_hits, stats.misses]
}

#[test]
fn text_that_differs_in_literals_is_not_parsed_and_not_remembered_again() {
    let guard = guard();
    assert_eq!(judged(&guard, "SELECT abalance FROM pgbench_accounts WHERE aid = 1"), "allow");
    let entries = guard.stats().entries;
    for aid in 2..100 {
        assert_eq!(
            judged(&guard, &format!("SELECT abalance FROM pgbench_accounts WHERE aid = {aid}")),
            "allow"
        );
    }
    assert_eq!(judged(&guard, "SELECT abalance FROM pgbench_accounts WHERE aid = 1"), "allow");
    assert_eq!(counts(&guard), [1, 98, 1]);
    assert_eq!(guard.stats().entries, entries);
}

#[test]
fn warm_text_is_cached_with_all_that_differ_in_literals() {
    let guard = guard();
    guard.warm("SELECT 'a'");
    assert!(guard.is_cached("SELECT 'a'"));
    assert!(guard.is_cached("SELECT 'b'"));
    assert!(!guard.is_cached("SELECT  'b'"));
    guard.warm("SELECT 'c'");
    assert_eq!(judged(&guard, "SELECT 'd'"), "allow");
    assert_eq!(counts(&guard), [0, 1, 0]);
}

#[test]
fn text_whose_facts_read_a_literal_is_parsed_each_time() {
    let guard = guard();
    assert_eq!(judged(&guard, "SELECT 'tenant_alpha.t'::regclass"), "allow");
    assert_eq!(judged(&guard, "SELECT 'tenant_beta.t'::regclass"), "cross_schema");
    assert_eq!(judged(&guard, "SELECT set_config('a.b', '', true)"), "allow");
    assert_eq!(judged(&guard, "SELECT set_config('role', '', true)"), "role_change");
    assert_eq!(judged(&guard, "SET a.b = 'x'"), "allow");
    assert_eq!(judged(&guard, "SET \"role\" = 'x'"), "role_change");
    assert_eq!(counts(&guard), [0, 0, 6]);
}

#[test]
fn refusal_is_remembered_for_its_own_text_only() {
    let guard = guard();
    for value in ["a", "b", "a"] {
        assert_eq!(judged(&guard, &format!("UPDATE pg_settings SET setting = '{value}'")), "fixed_setting");
    }
    assert_eq!(counts(&guard), [1, 0, 2]);
}

#[test]
fn schema_that_one_tenant_may_name_is_refused_to_another_by_key_too() {
    let guard = guard();
    assert_eq!(judged(&guard, "SELECT * FROM tenant_alpha.t LIMIT 1"), "allow");
    let other = Scope { schema: Ident::parse("tenant_beta").unwrap(), ..scopes()[0].clone() };
    let verdict = guard.judge("SELECT * FROM tenant_alpha.t LIMIT 2", &other);
    assert!(matches!(verdict, Verdict::Deny(denial) if denial.rule.id == "cross_schema"));
    assert_eq!(counts(&guard), [0, 1, 1]);
}

/// What the parser is kept from reading is also kept from a server that would read it.
#[test]
fn limits_hold_for_texts_whose_key_is_known() {
    let guard = guard();
    for known in ["SELECT 1", "SELECT 1 /**/", "SELECT 1 /**//**/", "SELECT 1 --", "SELECT 'a'"] {
        assert_eq!(judged(&guard, known), "allow");
    }
    let misses = guard.stats().misses;
    let (open, close) = ("/*".repeat(33), "*/".repeat(33));
    let long = "x".repeat(MAX_STATEMENT_BYTES);
    let stars = "/*".to_owned() + &"/**/".repeat(5_000) + "*/";
    for (text, rule) in [
        (format!("SELECT 1 {open}{close}"), "too_complex"),
        (format!("SELECT 1 {stars}"), "too_complex"),
        (format!("SELECT 1 /*{long}*/"), "statement_too_long"),
        (format!("SELECT 1 --{long}"), "statement_too_long"),
        (format!("SELECT '{long}'"), "statement_too_long"),
        ("SELECT 'a\0'".to_owned(), "unparsable"),
        ("SELECT 1 --\0".to_owned(), "unparsable"),
    ] {
        assert!(!guard.is_cached(&text));
        assert_eq!(judged(&guard, &text), rule, "{}", &text[..20]);
    }
    assert_eq!(guard.stats().misses, misses + 7);
    assert_eq!(guard.stats().key_hits, 0);
}

#[test]
fn short_limit_holds_for_texts_whose_key_is_known() {
    let guard = Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_functions: Vec::new(),
        extra_settings: Vec::new(),
        max_statement_bytes: 20,
        cache_bytes: 1 << 20,
    });
    assert_eq!(judged(&guard, "SELECT 'a'"), "allow");
    assert_eq!(judged(&guard, "SELECT 'aaaaaaaaaaa'"), "allow");
    assert_eq!(judged(&guard, "SELECT 'aaaaaaaaaaaa'"), "statement_too_long");
    assert_eq!(counts(&guard), [0, 1, 2]);
}

/// A literal in the tree is a constant, and these two are where one is looked into: both say so with
/// `depends_on_literals`. Another place that reads one must say so too, or answers by key are wrong.
#[test]
fn constants_are_read_in_two_places_only() {
    let guard = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guard");
    for entry in fs::read_dir(guard).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() || matches!(name.as_str(), "constants.rs" | "settings.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for node in ["a_const", "integer::", "float::", "boolean::", "bit_string::"] {
            assert!(!source.contains(node), "{name} reads {node}");
        }
    }
}

#[test]
fn most_of_the_corpus_that_only_reads_and_writes_rows_is_answered_by_key() {
    let open = CORPUS.iter().filter(|text| facts(text).hold_for_other_literals()).count();
    assert!(open > 150, "{open} of {}", CORPUS.len());
}
