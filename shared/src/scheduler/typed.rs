//! A shared object whose kind was checked once.

use std::marker::PhantomData;
use std::ops::Deref;

use crate::api::object::SharedObject;

/// A [`SharedObject`] that is known to hold a `K`; dereferences to it.
pub struct Typed<K> {
    object: SharedObject,
    kind: PhantomData<fn() -> K>,
}

impl<K: 'static> Typed<K> {
    /// Takes the object if it is a `K`.
    pub fn new(object: SharedObject) -> Option<Typed<K>> {
        object.downcast_ref::<K>()?;
        Some(Typed { object, kind: PhantomData })
    }
}

impl<K: 'static> Deref for Typed<K> {
    type Target = K;

    fn deref(&self) -> &K {
        let Some(inner) = self.object.downcast_ref() else {
            unreachable!("the constructor checked the kind")
        };
        inner
    }
}

impl<K> Clone for Typed<K> {
    fn clone(&self) -> Typed<K> {
        Typed { object: self.object.clone(), kind: PhantomData }
    }
}

impl<K> std::fmt::Debug for Typed<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.object.fmt(f)
    }
}
