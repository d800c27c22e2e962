//! A list that is mostly of one.

use std::ops::{Deref, DerefMut};

/// Elements in order. A single one is stored in place: a list of one allocates nothing, and is where its owner is.
#[derive(Clone)]
pub(crate) enum Few<T> {
    One([T; 1]),
    Many(Vec<T>),
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, element: T) {
        /// The least that a `Vec` would grow to.
        const SOME: usize = 4;
        match self {
            Self::Many(many) if many.capacity() > 0 => many.push(element),
            _ => {
                *self = match std::mem::take(self) {
                    Self::One([first]) => {
                        let mut many = Vec::with_capacity(SOME);
                        many.extend([first, element]);
                        Self::Many(many)
                    }
                    Self::Many(_) => Self::One([element]),
                }
            }
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut few = Self::default();
        elements.into_iter().for_each(|element| few.push(element));
        few
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stay_in_order_and_a_single_one_stays_in_place() {
        let mut few = Few::default();
        assert!(few.is_empty());
        for n in 0..10 {
            few.push(n);
            assert_eq!(matches!(few, Few::One(_)), n == 0);
            assert!(few.iter().copied().eq(0..=n));
        }
        assert_eq!(*std::mem::take(&mut few).first_mut().unwrap(), 0);
        assert!(few.is_empty());
    }
}
