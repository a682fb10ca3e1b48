#include "app/backup/restorer.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>

#include "app/backup/backup_file.h"
#include "app/backup/first_server.h"
#include "app/backup/limits.h"
#include "app/backup/passphrase.h"
#include "app/config/server_file.h"
#include "app/config/site_keys.h"
#include "runtime/process/process.h"
#include "runtime/reactor/clock.h"
#include "runtime/sqlite/cdr_history.h"
#include "runtime/sqlite/sqlite_store.h"
#include "store/keys.h"
#include "store/limits.h"

namespace tandem::app {
namespace {

namespace files = std::filesystem;
using Kind = store::BackupRecord::Kind;

// Where everything is made, in the data directory itself, so that it only has to be renamed.
constexpr const char* kMaking = "/restoring";
// What one commit of SQLite takes: 4 MiB or so of small keys.
constexpr size_t kBatchTxns = 64;
constexpr size_t kBatchCdrs = 1'000;
constexpr auto kProgress = std::chrono::seconds(2);

Error cannot(ErrorCode code, const std::string& why) {
    return make_error(code, "", "cannot restore: " + why);
}

// Only what a backup has: nothing that leads out of the directory.
bool is_known_file(const std::string& name) {
    if (name == "site.key" || name == "admin.token") return true;
    const bool is_key = name.ends_with(".crt") || name.ends_with(".key");
    return name.starts_with("tls/") && is_key && name.find("..") == std::string::npos &&
           name.find('\0') == std::string::npos && name.find("//") == std::string::npos;
}

Result<void> sync_directory(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (is_synced) return {};
    return cannot(ErrorCode::Internal, path + ": cannot be written to disk");
}

// Puts keys into a store in large commits.
class Filler {
 public:
    explicit Filler(runtime::SqliteStore& store) : store_(store) {}

    Result<void> add(store::Op op) {
        const auto* put = std::get_if<store::Put>(&op);
        const std::string& key = put != nullptr ? put->key : std::get<store::Delete>(op).key;
        const size_t bytes = key.size() + (put != nullptr ? put->value.size() : 0);
        const bool is_full = txn_.then_ops.size() == store::txn_ops_max ||
                             bytes_ + bytes > store::txn_bytes_max / 2 || keys_.contains(key);
        if (is_full && !txn_.then_ops.empty()) TRY(close_txn());
        keys_.insert(key);
        bytes_ += bytes;
        txn_.then_ops.push_back(std::move(op));
        return {};
    }
    Result<void> flush() {
        if (!txn_.then_ops.empty()) TRY(close_txn());
        return commit();
    }

 private:
    Result<void> close_txn() {
        requests_.push_back({requests_.size() + 1, std::exchange(txn_, {})});
        keys_.clear();
        bytes_ = 0;
        return requests_.size() < kBatchTxns ? Result<void>() : commit();
    }
    Result<void> commit() {
        store::Outbox out;
        store_.apply_batch(runtime::read_monotonic(), requests_, out);
        requests_.clear();
        for (const store::Reply& reply : out.replies) {
            if (!reply.body.has_value()) return reply.body.error();
        }
        return {};
    }

    runtime::SqliteStore& store_;
    store::Txn txn_;
    std::set<std::string> keys_;  // no transaction writes one twice
    size_t bytes_ = 0;
    std::vector<store::Request> requests_;
};

class Restorer {
 public:
    Restorer(const Bootstrap& bootstrap, BackupFile file)
        : bootstrap_(bootstrap),
          data_(files::absolute(bootstrap.data).lexically_normal().string()),
          file_(std::move(file)) {}
    ~Restorer() {
        if (!is_done_) clear();
    }

    Result<Restored> run();

 private:
    Result<void> prepare();
    Result<void> read_all();
    Result<void> take(const store::BackupRecord& record);
    Result<void> take_file(const store::BackupRecord& record);
    Result<void> take_cdr(const store::BackupRecord& record);
    Result<void> store_cdrs();
    Result<void> adapt();
    Result<std::vector<store::KeyValue>> layers();
    Result<void> settle();
    void clear();
    void show_progress();

    const Bootstrap& bootstrap_;
    std::string data_;
    BackupFile file_;
    std::optional<runtime::LockFile> lock_;
    std::unique_ptr<runtime::SqliteStore> store_;
    std::unique_ptr<runtime::CdrHistory> history_;
    std::optional<Filler> filler_;
    std::vector<std::string> cdrs_;
    FirstServer first_;
    Restored restored_;
    bool has_key_ = false;
    bool has_end_ = false;
    bool is_ours_ = false;   // what is in the directory
    bool was_there_ = true;  // the directory itself
    bool is_done_ = false;
    std::chrono::steady_clock::time_point shown_ = std::chrono::steady_clock::now();
};

Result<void> Restorer::prepare() {
    std::error_code error;
    was_there_ = files::exists(data_, error);
    const bool was_cut_off = is_restore_cut_off(data_);
    for (const auto& each : files::directory_iterator(data_, error)) {
        const std::string name = each.path().filename().string();
        if (was_cut_off || name == "lost+found") continue;
        return cannot(ErrorCode::Conflict, "the data directory " + data_ + " has data (" + name +
                                               "): give an empty one, or another --data");
    }
    for (const char* name : {kMaking, "/run"}) {
        files::create_directories(data_ + name, error);
        if (error) return cannot(ErrorCode::Internal, data_ + ": " + error.message());
    }
    auto lock = runtime::LockFile::acquire(data_ + "/run/" + runtime::kLockFile);
    if (!lock.has_value())
        return cannot(ErrorCode::Conflict, "another tandemd uses the data directory " + data_);
    lock_ = std::move(*lock);
    is_ours_ = true;
    if (was_cut_off) {
        clear();
        return prepare();
    }
    files::permissions(data_ + kMaking, files::perms::owner_all, error);
    files::create_directories(data_ + kMaking + std::string("/tls"), error);
    const std::string making = data_ + kMaking;
    store_ = TRY(runtime::SqliteStore::open(making + "/store.db", runtime::read_monotonic()));
    history_ = TRY(runtime::CdrHistory::open(making + "/history.db"));
    filler_.emplace(*store_);
    return {};
}

// All that is in the directory is of this try, or of one before.
void Restorer::clear() {
    filler_.reset();
    store_.reset();
    history_.reset();
    if (!is_ours_) return;
    std::error_code ignored;
    // The mark of a restore goes last, so that what is cut off here is known as well.
    for (const auto& each : files::directory_iterator(data_, ignored)) {
        const std::string name = each.path().filename().string();
        if (name != "lost+found" && "/" + name != kMaking) files::remove_all(each.path(), ignored);
    }
    files::remove_all(data_ + kMaking, ignored);
    lock_.reset();
    if (!was_there_) files::remove(data_, ignored);
    is_ours_ = false;
}

void Restorer::show_progress() {
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < kProgress || file_.bytes() == 0) return;
    shown_ = now;
    std::fprintf(stderr, "restoring: %llu %%, %llu keys, %llu call records\n",
                 static_cast<unsigned long long>(file_.bytes_read() * 100 / file_.bytes()),
                 static_cast<unsigned long long>(restored_.keys),
                 static_cast<unsigned long long>(restored_.cdrs));
}

Result<void> Restorer::take_file(const store::BackupRecord& record) {
    if (!is_known_file(record.key))
        return make_error(ErrorCode::Malformed, "", "it holds the file '" + record.key + "'");
    const std::string path = data_ + kMaking + "/" + record.key;
    std::error_code error;
    files::create_directories(files::path(path).parent_path(), error);
    has_key_ = has_key_ || record.key == "site.key";
    return write_secret(path, record.value);
}

Result<void> Restorer::take_cdr(const store::BackupRecord& record) {
    cdrs_.push_back(record.value);
    return cdrs_.size() < kBatchCdrs ? Result<void>() : store_cdrs();
}

Result<void> Restorer::store_cdrs() {
    const std::vector<std::string_view> bodies(cdrs_.begin(), cdrs_.end());
    if (!bodies.empty()) restored_.cdrs += TRY(history_->insert(bodies));
    cdrs_.clear();
    return {};
}

Result<void> Restorer::take(const store::BackupRecord& record) {
    switch (record.kind) {
        case Kind::About:
            return {};
        case Kind::File:
            return take_file(record);
        case Kind::Put:
            ++restored_.keys;
            return filler_->add(store::Put{record.key, record.value, 0});
        case Kind::Delete:
            return filler_->add(store::Delete{record.key});
        case Kind::Cdr:
            return take_cdr(record);
        case Kind::End:
            has_end_ = true;
            return {};
    }
    return {};
}

Result<void> Restorer::read_all() {
    while (true) {
        const auto record = TRY(file_.next());
        if (!record) break;
        TRY(take(*record));
        show_progress();
    }
    TRY(store_cdrs());
    TRY(filler_->flush());
    if (has_key_ && has_end_) return {};
    return make_error(ErrorCode::Malformed, "", "the backup does not hold a whole site");
}

Result<std::vector<store::KeyValue>> Restorer::layers() {
    std::vector<store::KeyValue> all;
    for (const std::string_view prefix : {store::keys::infrastructure, store::keys::logic}) {
        store::RangeRequest request;
        request.range = store::KeyRange::prefix(prefix);
        store::Outbox out;
        store_->apply(runtime::read_monotonic(), {1, std::move(request)}, out);
        const auto& body = out.replies.at(0).body;
        if (!body.has_value()) return body.error();
        const auto& items = std::get<store::RangeReply>(*body).items;
        all.insert(all.end(), items.begin(), items.end());
    }
    return all;
}

Result<void> Restorer::adapt() {
    first_ = TRY(first_server_of(TRY(layers()), bootstrap_.address, bootstrap_.link_address));
    for (store::Op& op : first_.changes) TRY(filler_->add(std::move(op)));
    TRY(filler_->flush());
    restored_.server = first_.name;
    restored_.others = first_.others;
    return {};
}

// Everything is on disk before it gets its name, and the mark goes when all have theirs.
Result<void> Restorer::settle() {
    filler_.reset();
    store_.reset();
    history_.reset();
    const std::string making = data_ + kMaking;
    TRY(sync_directory(making));
    std::vector<files::path> made;
    std::error_code error;
    for (const auto& each : files::directory_iterator(making, error)) made.push_back(each.path());
    for (const files::path& each : made) {
        files::rename(each, data_ / each.filename(), error);
        if (error) return cannot(ErrorCode::Internal, each.string() + ": " + error.message());
    }
    TRY(write_server_file(data_, {first_.name, 1, first_.link_address, {}}));
    TRY(sync_directory(data_));
    files::remove(making, error);
    if (error) return cannot(ErrorCode::Internal, making + ": " + error.message());
    is_done_ = true;
    return sync_directory(data_);
}

Result<Restored> Restorer::run() {
    for (const auto step :
         {&Restorer::prepare, &Restorer::read_all, &Restorer::adapt, &Restorer::settle}) {
        const auto done = (this->*step)();
        if (done.has_value()) continue;
        const bool is_said = done.error().message.starts_with("cannot restore: ");
        return is_said ? done.error() : cannot(done.error().code, done.error().message);
    }
    return restored_;
}

}  // namespace

bool is_restore_cut_off(const std::string& data) {
    std::error_code error;
    return files::exists(data + kMaking, error);
}

Result<Restored> restore_site(const Bootstrap& bootstrap, const std::string& file,
                              const std::string& passphrase_file) {
    auto backup = BackupFile::open(file);
    if (!backup.has_value()) return cannot(backup.error().code, backup.error().message);
    if (backup->wants_passphrase()) {
        const auto passphrase =
            passphrase_file.empty() ? ask_passphrase(Asking::Once) : passphrase_in(passphrase_file);
        if (!passphrase.has_value())
            return cannot(passphrase.error().code, passphrase.error().message);
        const auto unlocked = backup->unlock(*passphrase);
        if (!unlocked.has_value()) return cannot(unlocked.error().code, unlocked.error().message);
    }
    return Restorer(bootstrap, std::move(*backup)).run();
}

}  // namespace tandem::app
