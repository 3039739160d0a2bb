//! A sequenced log of invalidations with epochs, and the set that judges stored entries by it.
