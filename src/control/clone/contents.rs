//! What a schema holds: every object, the statements that make it in another schema, and what it refers to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// An object in the catalogs: the catalog, and the row in it.
pub(super) type Object = (u32, u32);

/// From this phase on the order is that in which the objects were made.
pub(super) const LAST_PHASE: i32 = 99;

/// From this one on nothing is made, only changed: states, comments, privileges. That may be of what is part of something else.
const CHANGES: i32 = 93;

/// In this one sequences are made. A sequence that belongs to a column depends on the table, and the table on it.
const SEQUENCES: i32 = 30;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// What it makes, or makes a difference to.
    pub(super) object: Object,
    /// Statements of an earlier phase come first, unless they depend on this one.
    pub(super) phase: i32,
    /// In words: `table orders`.
    pub(super) name: String,
    /// `None` for what is known and cannot be written.
    pub(super) statement: Option<String>,
    /// What a clone has to have in common with the original; the statement without it.
    pub(super) compared: Option<String>,
    /// Whether strings in it may name objects.
    pub(super) checked: bool,
}

/// One row of `pg_depend`: an object, and what it depends on, if anything.
#[derive(Clone, Debug)]
pub(super) struct Dependency {
    /// In the schema, or part of what is.
    pub(super) object: Object,
    /// What it depends on, and how.
    pub(super) on: Option<(Object, String)>,
}

/// An object that comes into being with another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// It.
    pub(super) object: Object,
    /// The other one; `None` where it makes no difference to the order of anything.
    pub(super) of: Option<Object>,
}

/// A schema.
#[derive(Debug)]
pub(super) struct Contents {
    items: Vec<Item>,
    /// What an object needs, of the objects that have statements.
    needs: HashMap<Object, BTreeSet<Object>>,
    /// What something refers to outside the schema. What is part of nothing has no name.
    outside: BTreeSet<(String, Object)>,
    /// What nothing here makes.
    unknown: BTreeSet<Object>,
}

impl Contents {
    /// Puts together what the catalogs say of the schema `of`.
    pub(super) fn new(of: Object, dependencies: &[Dependency], items: Vec<Item>, parts: &[Part]) -> Self {
        let firsts = firsts(&items);
        let parts: HashMap<Object, Option<Object>> =
            parts.iter().map(|part| (part.object, part.of)).collect();
        let members: HashSet<Object> = dependencies.iter().map(|row| row.object).collect();
        let find = |object: Object| owner(object, &firsts, &parts);
        let unknown: BTreeSet<Object> =
            members.iter().copied().filter(|object| find(*object) == Owner::Unknown).collect();
        let mut needs: HashMap<Object, BTreeSet<Object>> = HashMap::new();
        let mut outside = BTreeSet::new();
        for Dependency { object, on } in dependencies {
            let Some((on, how)) = on else { continue };
            let owner = find(*object);
            if !members.contains(on) {
                if *on != of {
                    let name = match owner {
                        Owner::Item(owner) => items[firsts[&owner]].name.clone(),
                        Owner::Nobody | Owner::Unknown => String::new(),
                    };
                    outside.insert((name, *on));
                }
                continue;
            }
            let (Owner::Item(owner), Owner::Item(needed)) = (owner, find(*on)) else { continue };
            let belongs = how == "a" && items[firsts[&owner]].phase == SEQUENCES;
            if owner != needed && !belongs {
                needs.entry(owner).or_default().insert(needed);
            }
        }
        Self { items, needs, outside, unknown }
    }

    /// What no statement makes, and what is part of nothing that one does.
    pub(super) fn unknown(&self) -> impl Iterator<Item = Object> {
        self.unknown.iter().copied()
    }

    /// What cannot be written, in words.
    pub(super) fn unwritable(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter(|item| item.statement.is_none()).map(|item| item.name.as_str())
    }

    /// All of it.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// The items so that whatever one needs comes before it: by phase and name where that says nothing.
    ///
    /// # Errors
    /// The names of those that need each other.
    pub(super) fn in_order(&self) -> Result<Vec<&Item>, Vec<String>> {
        let firsts = firsts(&self.items);
        let mut sorted: Vec<usize> = (0..self.items.len()).collect();
        sorted.sort_by_key(|at| (self.items[*at].phase, &self.items[*at].name));
        let mut walk = Walk { contents: self, firsts: &firsts, place: HashMap::new(), order: Vec::new() };
        let (last, usual): (Vec<usize>, Vec<usize>) =
            sorted.into_iter().partition(|at| self.items[*at].phase >= LAST_PHASE);
        for at in usual {
            walk.visit(at)?;
        }
        let mut order = walk.order;
        let place: HashMap<Object, usize> =
            order.iter().enumerate().rev().map(|(place, at)| (self.items[*at].object, place)).collect();
        let mut last = last;
        last.sort_by_key(|at| place.get(&self.items[*at].object).copied());
        order.extend(last);
        Ok(order.into_iter().map(|at| &self.items[at]).collect())
    }

    /// How a clone of this differs, in words. What both refer to elsewhere must be the same objects: so a clone that
    /// refers to the original, or to anything else that the original does not, is found.
    pub(super) fn differences(&self, clone: &Self) -> Vec<String> {
        let (mine, its) = (self.descriptions(), clone.descriptions());
        let names: BTreeSet<&str> = mine.keys().chain(its.keys()).copied().collect();
        let mut found: Vec<String> = names
            .into_iter()
            .filter(|name| mine.get(name) != its.get(name))
            .map(|name| format!("{name}, which comes out otherwise in the clone"))
            .collect();
        let strays: BTreeSet<&str> = self
            .outside
            .symmetric_difference(&clone.outside)
            .map(|(name, _)| if name.is_empty() { "something" } else { name.as_str() })
            .collect();
        found.extend(
            strays.into_iter().map(|name| format!("{name}, which refers to something else in the clone")),
        );
        found.extend(clone.unknown.iter().map(|(class, object)| {
            format!("something, of which the clone has more (object {object} of catalog {class})")
        }));
        found
    }

    /// By name, and by what is compared; there may be two of a name.
    fn descriptions(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for item in &self.items {
            let text = item.compared.as_deref().or(item.statement.as_deref());
            all.entry(&item.name).or_default().insert(text.unwrap_or_default());
        }
        all
    }
}

/// The item that makes an object: that of its earliest phase.
fn firsts(items: &[Item]) -> HashMap<Object, usize> {
    let mut firsts: HashMap<Object, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| item.phase < CHANGES) {
        let first = firsts.entry(item.object).or_insert(at);
        if items[*first].phase > item.phase {
            *first = at;
        }
    }
    firsts
}

/// Whose statement makes an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Item(Object),
    Nobody,
    Unknown,
}

fn owner(
    mut object: Object,
    firsts: &HashMap<Object, usize>,
    parts: &HashMap<Object, Option<Object>>,
) -> Owner {
    // Parts of parts: the array type of a table's row type. Never in a circle, but nobody relies on it.
    for _ in 0..8 {
        if firsts.contains_key(&object) {
            return Owner::Item(object);
        }
        match parts.get(&object) {
            Some(Some(of)) => object = *of,
            Some(None) => return Owner::Nobody,
            None => break,
        }
    }
    Owner::Unknown
}

/// Depth first, with a stack of its own: a chain of objects may be long.
struct Walk<'a> {
    contents: &'a Contents,
    firsts: &'a HashMap<Object, usize>,
    /// `false` while what an item needs is being put in place.
    place: HashMap<usize, bool>,
    order: Vec<usize>,
}

impl Walk<'_> {
    fn visit(&mut self, at: usize) -> Result<(), Vec<String>> {
        let mut stack = vec![(at, false)];
        while let Some((at, ready)) = stack.pop() {
            if ready {
                self.place.insert(at, true);
                self.order.push(at);
                continue;
            }
            if self.place.get(&at) == Some(&true) {
                continue;
            }
            self.place.insert(at, false);
            stack.push((at, true));
            for needed in self.needed(at) {
                match self.place.get(&needed) {
                    Some(true) => {}
                    Some(false) => return Err(self.circle(&stack, needed)),
                    None => stack.push((needed, false)),
                }
            }
        }
        Ok(())
    }

    /// What makes the object comes before whatever makes a difference to it.
    fn needed(&self, at: usize) -> Vec<usize> {
        let object = self.contents.items[at].object;
        match self.firsts.get(&object) {
            Some(first) if *first == at => {}
            Some(first) => return vec![*first],
            None => return Vec::new(),
        }
        let needs = self.contents.needs.get(&object).into_iter().flatten();
        let mut needed: Vec<usize> = needs.filter_map(|object| self.firsts.get(object).copied()).collect();
        // The last that is pushed is the first to be done.
        needed.sort_by_key(|at| {
            std::cmp::Reverse((self.contents.items[*at].phase, &self.contents.items[*at].name))
        });
        needed
    }

    fn circle(&self, stack: &[(usize, bool)], back_at: usize) -> Vec<String> {
        let waiting = stack.iter().filter(|(_, ready)| *ready).map(|(at, _)| *at);
        let names: Vec<&str> =
            waiting.skip_while(|at| *at != back_at).map(|at| self.contents.items[at].name.as_str()).collect();
        vec![format!("{}, which need each other", names.join(" and "))]
    }
}

#[cfg(test)]
mod tests;
