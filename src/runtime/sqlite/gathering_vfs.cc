#include "runtime/sqlite/gathering_vfs.h"

#include <sqlite3.h>

#include <new>
#include <string>

#include "base/check.h"
#include "runtime/sqlite/limits.h"

namespace tandem::runtime {
namespace {

sqlite3_vfs* plain() {
    static sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    return vfs;
}

// SQLite gives us memory for this and, behind it, for the plain file.
struct LogFile {
    sqlite3_file self;  // first, as SQLite knows no more of us
    std::string gathered;
    sqlite3_int64 begin = 0;  // where `gathered` belongs

    static LogFile& of(sqlite3_file* file) { return *reinterpret_cast<LogFile*>(file); }
    sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    const sqlite3_io_methods& plain() { return *file()->pMethods; }
    sqlite3_int64 end() const { return begin + static_cast<sqlite3_int64>(gathered.size()); }

    // What can't be written is dropped: SQLite undoes the transaction and writes in its place.
    int flush() {
        if (gathered.empty()) return SQLITE_OK;
        const int done =
            plain().xWrite(file(), gathered.data(), static_cast<int>(gathered.size()), begin);
        gathered.clear();
        return done;
    }
};

int close(sqlite3_file* file) {
    LogFile& log = LogFile::of(file);
    const int flushed = log.flush();
    const int closed = log.plain().xClose(log.file());
    log.~LogFile();
    return flushed != SQLITE_OK ? flushed : closed;
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
    LogFile& log = LogFile::of(file);
    const size_t added = static_cast<size_t>(size);
    if (at != log.end() || log.gathered.size() + added > sqlite_gathered_bytes_max) {
        const int flushed = log.flush();
        if (flushed != SQLITE_OK) return flushed;
        log.begin = at;
    }
    log.gathered.append(static_cast<const char*>(bytes), added);
    return SQLITE_OK;
}

// All others see the file as it is to be.
template <auto Method, typename... Arguments>
int after_flush(sqlite3_file* file, Arguments... arguments) {
    LogFile& log = LogFile::of(file);
    const int flushed = log.flush();
    if (flushed != SQLITE_OK) return flushed;
    return (log.plain().*Method)(log.file(), arguments...);
}

template <auto Method, typename... Arguments>
int pass(sqlite3_file* file, Arguments... arguments) {
    LogFile& log = LogFile::of(file);
    return (log.plain().*Method)(log.file(), arguments...);
}

using Methods = sqlite3_io_methods;
constexpr Methods log_methods{
    .iVersion = 1,
    .xClose = close,
    .xRead = after_flush<&Methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = write,
    .xTruncate = after_flush<&Methods::xTruncate, sqlite3_int64>,
    .xSync = after_flush<&Methods::xSync, int>,
    .xFileSize = after_flush<&Methods::xFileSize, sqlite3_int64*>,
    .xLock = pass<&Methods::xLock, int>,
    .xUnlock = pass<&Methods::xUnlock, int>,
    .xCheckReservedLock = pass<&Methods::xCheckReservedLock, int*>,
    .xFileControl = pass<&Methods::xFileControl, int, void*>,
    .xSectorSize = pass<&Methods::xSectorSize>,
    .xDeviceCharacteristics = pass<&Methods::xDeviceCharacteristics>,
};

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    if ((flags & SQLITE_OPEN_WAL) == 0) {
        return plain()->xOpen(plain(), name, file, flags, out_flags);
    }
    auto* log = new (file) LogFile{};
    const int opened = plain()->xOpen(plain(), name, log->file(), flags, out_flags);
    if (opened == SQLITE_OK) {
        log->self.pMethods = &log_methods;
    } else {
        log->~LogFile();
        file->pMethods = nullptr;
    }
    return opened;
}

}  // namespace

const char* gathering_vfs() {
    static sqlite3_vfs vfs = [] {
        CHECK(plain() != nullptr);
        sqlite3_vfs made = *plain();
        made.zName = "gathering";
        made.szOsFile += static_cast<int>(sizeof(LogFile));
        made.xOpen = open;
        return made;
    }();
    static const int registered = sqlite3_vfs_register(&vfs, 0);
    CHECK(registered == SQLITE_OK);
    return vfs.zName;
}

}  // namespace tandem::runtime
