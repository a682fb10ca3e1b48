// How SQLite reaches the files of a store that is locked for this process: as by default, but a
// write-ahead log is written in large pieces. SQLite writes each page in two system calls; here
// what follows on in the log gathers in memory until SQLite syncs, or reads, the log.
//
// A commit waits for its sync with FULL, so it is as durable as without. Between commits nothing is
// held back, except what an undone transaction has left behind; that is why nobody else may read
// the log.
#pragma once

namespace tandem::runtime {

// The name to open a database with; registered at the first call.
const char* gathering_vfs();

}  // namespace tandem::runtime
