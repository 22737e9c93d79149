//! Kayenta's judge, for those who come from it and for comparison.
