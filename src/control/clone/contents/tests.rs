use proptest::prelude::*;

use super::*;

const SCHEMA: Object = (1, 1);
const ELSEWHERE: Object = (9, 9);

fn item(number: u32, phase: i32, name: &str) -> Item {
    let statement = Some(format!("make {name}"));
    Item { object: (2, number), phase, name: name.to_owned(), statement, compared: None, checked: true }
}

fn needs(of: u32, on: u32) -> Dependency {
    Dependency { object: (2, of), on: Some(((2, on), "n".to_owned())) }
}

fn is_there(object: Object) -> Dependency {
    Dependency { object, on: Some((SCHEMA, "n".to_owned())) }
}

fn contents(items: Vec<Item>, mut dependencies: Vec<Dependency>, parts: &[Part]) -> Contents {
    dependencies.extend(items.iter().map(|item| is_there(item.object)));
    Contents::new(SCHEMA, &dependencies, items, parts)
}

fn order(contents: &Contents) -> Result<String, Vec<String>> {
    let names: Vec<&str> = contents.in_order()?.iter().map(|item| item.name.as_str()).collect();
    Ok(names.join(" "))
}

#[test]
fn items_come_by_phase_and_name_where_nothing_needs_another() {
    let all = contents(vec![item(1, 40, "b"), item(2, 40, "a"), item(3, 20, "f")], vec![], &[]);
    assert_eq!(order(&all).unwrap(), "f a b");
}

#[test]
fn what_is_needed_comes_first_whatever_its_phase() {
    let items =
        vec![item(1, 20, "function"), item(2, 40, "table"), item(3, 10, "type"), item(4, 40, "other")];
    let all = contents(items, vec![needs(1, 2), needs(2, 3)], &[]);
    assert_eq!(order(&all).unwrap(), "type table function other");
}

#[test]
fn what_changes_an_object_comes_after_what_makes_it_and_no_one_waits_for_it() {
    let items = vec![item(1, 44, "columns"), item(1, 40, "table"), item(2, 20, "function")];
    let all = contents(items, vec![needs(2, 1)], &[]);
    assert_eq!(order(&all).unwrap(), "table function columns");
}

#[test]
fn comment_on_a_part_does_not_make_it_an_object_of_its_own() {
    let items =
        vec![item(1, 10, "a type"), item(2, 10, "b type"), Item { object: (3, 1), ..item(0, 95, "comment") }];
    let part = Part { object: (3, 1), of: Some((2, 1)) };
    let column = Dependency { object: (3, 1), on: Some(((2, 2), "n".to_owned())) };
    assert_eq!(order(&contents(items, vec![column], &[part])).unwrap(), "b type a type comment");
}

#[test]
fn sequence_is_made_before_the_table_whose_column_it_belongs_to() {
    let belongs = Dependency { object: (2, 1), on: Some(((2, 2), "a".to_owned())) };
    let all = contents(vec![item(1, 30, "sequence"), item(2, 40, "table")], vec![belongs, needs(2, 1)], &[]);
    assert_eq!(order(&all).unwrap(), "sequence table");
}

#[test]
fn last_phase_is_in_the_order_in_which_things_were_made() {
    let items = vec![item(1, 99, "rows a"), item(1, 70, "a"), item(2, 99, "rows b"), item(2, 70, "b")];
    let all = contents(items, vec![needs(1, 2)], &[]);
    assert_eq!(order(&all).unwrap(), "b a rows b rows a");
}

#[test]
fn parts_count_as_what_they_are_part_of() {
    let row_type = Part { object: (3, 1), of: Some((2, 1)) };
    let array = Part { object: (3, 2), of: Some((3, 1)) };
    let toast = Part { object: (4, 1), of: None };
    let takes_array = Dependency { object: (2, 2), on: Some(((3, 2), "n".to_owned())) };
    let mut there = vec![is_there((3, 1)), is_there((3, 2)), is_there((4, 1)), takes_array];
    let items = || vec![item(1, 40, "table"), item(2, 20, "function")];
    let all = contents(items(), there.clone(), &[row_type, array, toast]);
    assert_eq!(order(&all).unwrap(), "table function");
    assert_eq!(all.unknown().count(), 0);
    there.push(is_there((5, 7)));
    let all = contents(items(), there, &[row_type, array, toast]);
    assert_eq!(all.unknown().collect::<Vec<_>>(), [(5, 7)]);
}

#[test]
fn circle_is_named() {
    let items = vec![item(1, 40, "one"), item(2, 40, "two"), item(3, 40, "three"), item(4, 10, "before")];
    let all = contents(items, vec![needs(4, 1), needs(1, 2), needs(2, 3), needs(3, 1)], &[]);
    assert_eq!(order(&all).unwrap_err(), ["one and two and three, which need each other"]);
}

#[test]
fn long_chain_is_no_matter() {
    let items = (0..50_000).map(|number| item(number, 40, &format!("{number:06}"))).collect();
    let all = contents(items, (0..49_999).map(|number| needs(number, number + 1)).collect(), &[]);
    assert!(order(&all).unwrap().starts_with("049999 049998 "));
}

#[test]
fn clone_is_the_same_or_is_told_apart() {
    let refers = |number, on| Dependency { object: (2, number), on: Some((on, "n".to_owned())) };
    let template = || contents(vec![item(1, 40, "t"), item(2, 70, "v")], vec![refers(2, ELSEWHERE)], &[]);
    assert!(template().differences(&template()).is_empty());
    let strays = contents(
        vec![item(1, 40, "t"), item(2, 70, "v")],
        vec![refers(2, ELSEWHERE), refers(2, (2, 77))],
        &[],
    );
    assert_eq!(template().differences(&strays), ["v, which refers to something else in the clone"]);
    let less = contents(vec![item(2, 70, "v")], vec![refers(2, ELSEWHERE)], &[]);
    assert_eq!(template().differences(&less), ["t, which comes out otherwise in the clone"]);
    let mut other = item(1, 40, "t");
    other.compared = Some("different".to_owned());
    let other = contents(vec![other, item(2, 70, "v")], vec![refers(2, ELSEWHERE)], &[]);
    assert_eq!(template().differences(&other), ["t, which comes out otherwise in the clone"]);
    let more =
        contents(vec![item(1, 40, "t"), item(2, 70, "v")], vec![refers(2, ELSEWHERE), is_there((5, 7))], &[]);
    assert_eq!(
        template().differences(&more),
        ["something, of which the clone has more (object 7 of catalog 5)"]
    );
}

proptest! {
    #[test]
    fn nothing_comes_before_what_it_needs(
        phases in prop::collection::vec(1..60i32, 1..30),
        edges in prop::collection::vec((0..30u32, 0..30u32), 0..60),
    ) {
        let count = u32::try_from(phases.len()).unwrap();
        let items: Vec<Item> =
            phases.iter().zip(0..).map(|(phase, number)| item(number, *phase, &number.to_string())).collect();
        // From higher to lower numbers only, so that there is no circle.
        let edges: Vec<(u32, u32)> =
            edges.into_iter().filter(|(of, on)| of > on && *of < count).collect();
        let all = contents(items, edges.iter().map(|(of, on)| needs(*of, *on)).collect(), &[]);
        let order: Vec<u32> = all.in_order().unwrap().iter().map(|item| item.object.1).collect();
        prop_assert_eq!(order.len(), phases.len());
        let place = |number: u32| order.iter().position(|at| *at == number).unwrap();
        for (of, on) in edges {
            prop_assert!(place(on) < place(of));
        }
    }
}
