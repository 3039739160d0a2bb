//! Counters and histograms with labels, counted in memory and handed over as whole numbers.
