//! The one line that turns the table of cases into named tests.

/// Runs the whole suite on an adapter: every case its own `#[test]`, on a store of its own.
///
/// The argument is called once for each case and makes a [`Harness`](crate::Harness).
///
/// ```
/// countersign_conformance::suite!(|| async { MyHarness::new().await });
/// // … or several in one file, each in a module of its own:
/// countersign_conformance::suite!(mod with_redis_queue, || async { MixedHarness::new().await });
/// ```
///
/// makes `conformance::begin::a_batch_that_names_a_run_twice_starts_it_once` and so on. There is no
/// way to leave a case out.
#[macro_export]
macro_rules! suite {
    (mod $module:ident, $make:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            async fn harness() -> impl $crate::Harness {
                #[allow(unused_imports, reason = "the expression names what it likes")]
                use super::*;
                ($make)().await
            }

            $crate::__table!($crate::__tests);
        }
    };
    ($make:expr $(,)?) => {
        $crate::suite!(mod conformance, $make);
    };
}

/// One test for each case.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($($theme:ident { $($case:ident)+ })+) => {$(
        mod $theme {$(
            #[test]
            fn $case() {
                $crate::run_test(&$crate::__case!($theme $case), super::harness);
            }
        )+}
    )+};
}

/// One [`Case`](crate::Case) from its theme and its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __case {
    ($theme:ident $case:ident) => {
        $crate::Case::new(stringify!($theme), stringify!($case), |ports| {
            ::std::boxed::Box::pin(async move { $crate::cases::$case(&ports).await })
        })
    };
}
