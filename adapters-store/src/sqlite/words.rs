//! Words that stand in columns.

use tidegate_core::Role;

pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Guard => "guard",
        Role::Gate => "gate",
        Role::History => "history",
    }
}
