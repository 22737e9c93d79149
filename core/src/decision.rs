//! d
use serde::{Deserialize, Serialize};
/// d
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {}
