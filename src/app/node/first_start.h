// What happens when a node finds its store empty: the layers of an elementary system are written.
#pragma once

#include "app/config/bootstrap.h"
#include "base/result.h"
#include "base/rng.h"
#include "store/kv.h"

namespace tandem::runtime {
class SqliteStore;
}

namespace tandem::app {

// Writes the layers where there are none: nothing is changed in a store that has been started
// before.
store::Txn first_write_of(const Bootstrap& bootstrap, Rng& rng);
// The same, at once.
Result<void> make_first_start(const Bootstrap& bootstrap, runtime::SqliteStore& store, Rng& rng);

}  // namespace tandem::app
