//! `object_store`'s own suite, each function by name, over each world. What cannot pass is shown in `refusals`.

macro_rules! suite {
    ($world:ident, updates: $updates:literal) => {
        mod $world {
            use object_store::{Error, integration};

            use crate::worlds::$world as world;

            suite!(@each $updates;
                put_get_delete_list,
                list_uses_directories_correctly,
                list_with_delimiter,
                rename_and_copy,
                copy_if_not_exists,
                copy_rename_nonexistent_object,
                stream_get,
                get_opts,
                put_get_attributes,
                multipart_out_of_order,
                list_with_offset_exclusivity,
            );

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn put_opts() {
                let world = world().await;
                integration::put_opts(world.dynamic(), $updates).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn multipart_race_condition() {
                let world = world().await;
                integration::multipart_race_condition(world.dynamic(), true).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn get_nonexistent_object() {
                let world = world().await;
                let error = integration::get_nonexistent_object(world.dynamic(), None).await.unwrap_err();
                assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
            }
        }
    };
    (@each $updates:literal; $($function:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $function() {
                let world = world().await;
                integration::$function(world.dynamic()).await;
            }
        )*
    };
}

suite!(memory, updates: true);
suite!(local, updates: false);
suite!(cached_memory, updates: true);
suite!(cached_local, updates: false);
suite!(cached_objects, updates: true);
