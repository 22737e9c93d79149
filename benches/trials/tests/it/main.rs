//! The methods of this package against numbers that others computed.

mod anchors_vectors;
mod cases;
