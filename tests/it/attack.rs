//! Someone who holds one tenant's credentials attacks another tenant.

mod alone;
mod fuzz;
mod list;
mod served;
mod shared;
mod sqlsmith;
mod world;
