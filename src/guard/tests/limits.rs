//! Texts that are long, many or hostile, and the memory of verdicts.

use super::*;

#[test]
fn text_over_the_limit_is_refused_unparsed_and_unremembered() {
    let guard = Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 100,
        cache_bytes: 1 << 20,
    });
    let text = format!("SELECT '{}'", "x".repeat(100));
    match guard.judge(&text, &scope()) {
        Verdict::Deny(denial) => assert_eq!(denial.rule.id, "statement_too_long"),
        Verdict::Allow(..) => panic!("allowed"),
    }
    assert_eq!(guard.stats().entries, 0);
    assert!(matches!(guard.judge("SELECT 1", &scope()), Verdict::Allow(..)));
}

#[test]
fn warm_text_is_judged_without_parsing() {
    let guard = guard();
    assert!(!guard.is_cached("SELECT 1"));
    guard.warm("SELECT 1");
    assert!(guard.is_cached("SELECT 1"));
    assert!(!guard.is_cached("SELECT 1 "));
    let _ = guard.judge("SELECT 1", &scope());
    assert_eq!((guard.stats().hits, guard.stats().misses), (1, 0));
}

#[test]
fn longest_text_fits_into_the_cache() {
    let guard = Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 1 << 20,
        cache_bytes: 8 << 20,
    });
    let text = format!("SELECT '{}'", "x".repeat((1 << 20) - 9));
    guard.warm(&text);
    assert!(guard.is_cached(&text));
}

#[test]
fn cache_stays_within_its_bytes_and_keeps_what_is_used() {
    let guard = Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 1024,
        cache_bytes: 256 << 10,
    });
    let hot = "SELECT name FROM customers WHERE id = $1";
    for number in 0..5000 {
        let _ = guard.judge(&format!("SELECT c{number}"), &scope());
        let _ = guard.judge(hot, &scope());
        assert!(guard.stats().bytes <= 256 << 10);
    }
    assert!(guard.stats().entries > 100);
    assert_eq!(guard.stats().hits, 4999, "the statement in use was displaced");
}
#[test]
fn hostile_texts_are_answered_in_bounded_time_on_a_small_stack() {
    let texts = [
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        "(".repeat(100_000),
        format!("SELECT {}1", "-(".repeat(100_000)),
        format!("{} {} SELECT 1", "/*".repeat(100_000), "*/".repeat(100_000)),
        "/*".repeat(100_000),
        format!("SELECT {}1", "+".repeat(500_000)),
        format!("SELECT {}1", "+ ".repeat(100_000)),
        format!("SELECT {}1", "/**/".repeat(100_000)),
        format!("SELECT {}1", "@-".repeat(250_000)),
        format!("SELECT 1{}", " || 1".repeat(100_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(50_000)),
        format!("SELECT 1{}", "::int".repeat(100_000)),
        format!("SELECT 1{}", "[1]".repeat(100_000)),
        format!("SELECT * FROM {}a{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("SELECT {}a", "a.".repeat(200_000)),
        format!("SELECT ARRAY{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("SELECT {}", "NOT ".repeat(100_000)),
        format!("SELECT '{}'", "'||'".repeat(100_000)),
        format!("SELECT {}1{}", "query_to_xml(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT '{{{}}}'::regtype[]", "a.b,".repeat(100_000)),
        format!("SELECT 'f({})'::regprocedure", "a.b,".repeat(100_000)),
        format!("SELECT 1 {}", "$a$ $b$ ".repeat(50_000)),
        format!("{};", "SELECT 1;".repeat(50_000)),
        format!("SELECT {} 1", "E'\\\\' ".repeat(50_000)),
        "'\n".repeat(100_000),
        "$$".repeat(100_000),
        "\u{feff}SELECT 1".to_owned(),
        "SELECT 1\0; DROP TABLE x".to_owned(),
    ];
    for text in texts {
        let start: String = text.chars().take(40).collect();
        let started = Instant::now();
        let _ = on_a_small_stack(move || guard().judge(&text, &scope()));
        // The worst takes about 2 s in a debug build of the C library; without limits it is a minute.
        assert!(started.elapsed() < Duration::from_secs(20), "{start}: {:?}", started.elapsed());
    }
}

#[test]
fn insert_of_one_megabyte_of_rows_is_judged() {
    let mut text = String::from("INSERT INTO customers (id, name, email) VALUES (0, '', '')");
    let mut number = 0;
    while text.len() < 1 << 20 {
        number += 1;
        text.push_str(&format!(", ({number}, 'name {number}', 'user{number}@example.com')"));
    }
    let allowed = on_a_small_stack(move || matches!(guard().judge(&text, &scope()), Verdict::Allow(..)));
    assert!(allowed);
}

#[test]
fn too_many_texts_inside_a_text_are_refused() {
    let types = |count| format!("SELECT '{{{}}}'::regtype[]", "global.a,".repeat(count));
    assert_eq!(verdict(&types(2000)), "allow");
    assert_eq!(verdict(&types(2001)), "too_complex");
    let mut text = String::from("SELECT 1");
    for _ in 0..5 {
        text = format!("SELECT query_to_xml('{}', true, true, '')", text.replace('\'', "''"));
    }
    assert_eq!(verdict(&text), "too_complex");
}
