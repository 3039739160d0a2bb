//! Tables that are never indexed out of range.

/// A table whose indexes wrap around, so that looking something up costs no check and cannot fail.
pub struct Table<T, const SIZE: usize>(Box<[T; SIZE]>);

impl<T: Copy + Default, const SIZE: usize> Table<T, SIZE> {
    const MASK: usize = {
        assert!(SIZE.is_power_of_two());
        SIZE - 1
    };

    pub fn new() -> Self {
        // Not `Box::new([…])`, which puts the table on the stack first.
        let zeros = vec![T::default(); SIZE].into_boxed_slice();
        Table(zeros.try_into().unwrap_or_else(|_| Box::new([T::default(); SIZE])))
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "the mask keeps it in range")]
    pub fn get(&self, index: usize) -> T {
        self.0[index & Self::MASK]
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "the mask keeps it in range")]
    pub fn at(&mut self, index: usize) -> &mut T {
        &mut self.0[index & Self::MASK]
    }

    /// The first of them, all if there are not so many.
    pub fn first(&self, count: usize) -> &[T] {
        self.0.get(..count).unwrap_or(&*self.0)
    }

    /// The first of them, all if there are not so many.
    pub fn first_mut(&mut self, count: usize) -> &mut [T] {
        let count = count.min(SIZE);
        self.0.get_mut(..count).unwrap_or_default()
    }

    /// So many of them from this one on; none if there are not so many.
    pub fn range_mut(&mut self, start: usize, count: usize) -> &mut [T] {
        self.0.get_mut(start..start + count).unwrap_or_default()
    }
}
