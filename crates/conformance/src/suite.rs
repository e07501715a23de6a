//! The one line that turns the table of cases into named tests.

/// Runs the whole suite on an adapter: every case its own `#[test]`, on a store of its own.
///
/// The argument is called once for each case and makes a [`Harness`](crate::Harness).
///
/// ```
/// countersign_conformance::suite!(|| async { MyHarness::new().await });
/// // … or several in one file, each in a module of its own:
/// countersign_conformance::suite!(mod with_redis_queue, || async { MixedHarness::new().await });
/// // … or for runs and authority in different stores, which nothing can fence:
/// countersign_conformance::suite!(apart mod with_authority_elsewhere, || async { ApartHarness::new().await });
/// ```
///
/// makes `conformance::begin::a_batch_that_names_a_run_twice_starts_it_once` and so on. There is no
/// way to leave a case out; `apart` leaves out those, and only those, that are about the fence.
#[macro_export]
macro_rules! suite {
    (mod $module:ident, $make:expr $(,)?) => {
        $crate::__suite!($module, $make, $crate::__tests);
    };
    (apart mod $module:ident, $make:expr $(,)?) => {
        $crate::__suite!($module, $make, $crate::__tests_apart);
    };
    ($make:expr $(,)?) => {
        $crate::suite!(mod conformance, $make);
    };
}

/// The module of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! __suite {
    ($module:ident, $make:expr, $($tests:tt)+) => {
        #[cfg(test)]
        mod $module {
            async fn harness() -> impl $crate::Harness {
                #[allow(unused_imports, reason = "the expression names what it likes")]
                use super::*;
                ($make)().await
            }

            $crate::__table!($($tests)+);
        }
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

/// One test for each case that needs no fence.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests_apart {
    ($($theme:ident { $($case:ident)+ })+) => {$(
        mod $theme {$(
            $crate::__test_apart!($theme $case);
        )+}
    )+};
}

/// One test, unless it is about the fence.
#[doc(hidden)]
#[macro_export]
macro_rules! __test_apart {
    (fence $case:ident) => {};
    (revisions $case:ident) => {};
    (lapses $case:ident) => {};
    (spanning $case:ident) => {};
    (begin the_answers_of_a_mixed_batch_stand_in_input_order) => {};
    (bounded a_bound_compares_no_revisions) => {};
    (undecided a_decision_ends_the_undecided_time) => {};
    (hostile ids_that_look_alike_are_told_apart) => {};
    (races nothing_starts_after_a_revocation_has_returned) => {};
    ($theme:ident $case:ident) => {
        #[test]
        fn $case() {
            $crate::run_test(&$crate::__case!($theme $case), super::harness);
        }
    };
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

/// Runs the cases about moving house: out of one store of the harness's, and into another. For adapters
/// that have the port ([`StoreMove`](countersign_ports::StoreMove)); their harness opens ports
/// [with it](crate::Ports::with_home).
///
/// ```
/// countersign_conformance::moving_suite!(|| async { MyHarness::new().await });
/// // … or in a module of another name than `moving`:
/// countersign_conformance::moving_suite!(mod moving_house, || async { MyHarness::new().await });
/// ```
///
/// The argument is called twice for each case.
#[macro_export]
macro_rules! moving_suite {
    (mod $module:ident, $make:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            async fn harness() -> impl $crate::Harness {
                #[allow(unused_imports, reason = "the expression names what it likes")]
                use super::*;
                ($make)().await
            }

            $crate::__moving_table!($crate::__move_tests);
        }
    };
    ($make:expr $(,)?) => {
        $crate::moving_suite!(mod moving, $make);
    };
}

/// One test for each case about moving house.
#[doc(hidden)]
#[macro_export]
macro_rules! __move_tests {
    ($($theme:ident { $($case:ident)+ })+) => {$(
        mod $theme {$(
            #[test]
            fn $case() {
                $crate::run_move_test(&$crate::__move_case!($theme $case), super::harness);
            }
        )+}
    )+};
}

/// One [`MoveCase`](crate::MoveCase) from its theme and its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __move_case {
    ($theme:ident $case:ident) => {
        $crate::MoveCase::new(stringify!($theme), stringify!($case), |from, to| {
            ::std::boxed::Box::pin(async move { $crate::cases::$case(&from, &to).await })
        })
    };
}
