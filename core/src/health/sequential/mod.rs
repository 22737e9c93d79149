//! Evidence that may be looked at as often as one likes: e-processes over looks, in logs.
//!
//! This module must not know looks of any source, plans or time: numbers of one look in, log
//! evidence out. Everything transcendental comes from `libm`, so that two machines agree.
