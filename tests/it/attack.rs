//! Someone who holds one tenant's credentials attacks another tenant.

mod alone;
mod fuzz;
mod list;
mod served;
mod sqlsmith;
mod world;
