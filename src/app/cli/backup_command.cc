// `tandem backup`: the whole site in one file. What is in the store and in history comes over the
// API; the site's keys, which no API gives out, are read from the data directory of a server.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "app/backup/backup_file.h"
#include "app/backup/limits.h"
#include "app/backup/passphrase.h"
#include "app/cli/commands.h"
#include "app/cli/show.h"
#include "app/version.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/system_rng.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;
using Kind = store::BackupRecord::Kind;

// A store that can't answer now is asked for the same piece again: a new leader takes a second.
constexpr int kTries = 20;
constexpr int kRounds = 3;
constexpr auto kPause = std::chrono::milliseconds(250);
constexpr auto kProgress = std::chrono::seconds(2);

struct Wanted {
    std::string file;
    std::string data;
    std::string passphrase_file;
    bool passphrase = false;
    bool replace = false;
    bool check = false;
};

// Lines on standard error while it goes on.
class Progress {
 public:
    void show(const std::string& what) {
        const auto now = std::chrono::steady_clock::now();
        if (now - shown_ < kProgress) return;
        shown_ = now;
        std::fprintf(stderr, "%6.0f s  %s\n", std::chrono::duration<double>(now - began_).count(),
                     what.c_str());
    }

 private:
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown_ = began_;
};

struct Counts {
    uint64_t keys = 0;  // an upper bound: one that changes meanwhile is written again
    uint64_t cdrs = 0;
    uint64_t files = 0;

    std::string text() const {
        return std::to_string(keys) + " keys, " + std::to_string(cdrs) + " call records, " +
               std::to_string(files) + " files";
    }
    void add(Kind kind) {
        keys += kind == Kind::Put || kind == Kind::Delete ? 1 : 0;
        cdrs += kind == Kind::Cdr ? 1 : 0;
        files += kind == Kind::File ? 1 : 0;
    }
};

std::string text_in(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

class Backup {
 public:
    Backup(std::string data, const std::string& url, app::BackupWriter file)
        : data_(std::move(data)), client_(url, find_token_in(data_)), file_(std::move(file)) {}

    Result<void> run() {
        TRY(add_about());
        TRY(add_files());
        const auto taken = add_store();
        if (!id_.empty()) (void)client_.call("DELETE", path());
        is_broken_off_ =
            !id_.empty() && !taken.has_value() && taken.error().code == ErrorCode::Conflict;
        TRY(taken);
        TRY(add_history());
        return file_.finish();
    }
    // The store moved meanwhile, say: another try may succeed.
    bool is_broken_off() const { return is_broken_off_; }
    const Counts& counts() const { return counts_; }
    bool has_authority() const { return has_authority_; }
    uint64_t bytes() const { return file_.bytes(); }

 private:
    std::string path() const { return "/api/v1/site/backup/" + id_; }

    Result<void> add_about() {
        const Answer answer = TRY(client_.call("GET", "/api/v1/servers?limit=1000"));
        const json::value& known = answer.json();
        json::array servers;
        for (const json::value& each : known.at("items").as_array())
            servers.push_back({{"name", each.at("name")}, {"node", each.at("node")}});
        const json::object about{{"format", app::backup_version},
                                 {"version", app::kVersion},
                                 {"made", to_rfc3339(runtime::read_clocks().utc)},
                                 {"servers", std::move(servers)}};
        return file_.add(Kind::About, {}, json::serialize(about));
    }

    Result<void> add_file(const std::string& name) {
        const std::string text = text_in(data_ + "/" + name);
        if (text.empty() || text.size() > app::backup_file_bytes_max) {
            return make_error(ErrorCode::Conflict, "",
                              data_ + "/" + name + ": cannot be read, or is too large for a key");
        }
        counts_.add(Kind::File);
        return file_.add(Kind::File, name, text);
    }

    // The certificates that phones see are part of it; those of links are made anew. The authority
    // goes with its key or not at all: without the key it would sign nothing.
    Result<void> add_files() {
        TRY(add_file("site.key"));
        TRY(add_file("admin.token"));
        std::error_code error;
        has_authority_ = std::filesystem::exists(data_ + "/tls/site_ca.key", error);
        std::vector<std::string> names;
        std::filesystem::recursive_directory_iterator each(data_ + "/tls", error);
        for (; !error && each != std::filesystem::recursive_directory_iterator();
             each.increment(error)) {
            const std::string name = std::filesystem::relative(each->path(), data_).string();
            const bool is_of_links = name.starts_with("tls/link.");
            const bool is_key = name.ends_with(".crt") || name.ends_with(".key");
            const bool is_idle = name.starts_with("tls/site_ca.") && !has_authority_;
            if (each->is_regular_file(error) && is_key && !is_of_links && !is_idle)
                names.push_back(name);
        }
        if (names.size() > app::backup_files_max)
            return make_error(ErrorCode::TooLarge, "", data_ + "/tls holds too many files");
        std::ranges::sort(names);
        for (const std::string& name : names) TRY(add_file(name));
        return {};
    }

    Result<void> add_store() {
        const Answer begun = TRY(client_.call("POST", "/api/v1/site/backup", "{}"));
        id_ = cell(begun.json(), "id");
        for (uint64_t number = 1;; ++number) {
            const std::string piece = TRY(piece_of(number));
            if (piece.empty()) return {};
            TRY(count(piece));
            TRY(file_.add_encoded(piece));
            progress_.show(counts_.text());
        }
    }

    // Empty: that was all.
    Result<std::string> piece_of(uint64_t number) {
        Result<Answer> answer = Answer{};
        for (int i = 0; i < kTries; ++i) {
            if (i > 0) std::this_thread::sleep_for(kPause);
            answer = client_.call("GET", path() + "?piece=" + std::to_string(number));
            if (answer.has_value()) return std::move(answer->body);
            const ErrorCode code = answer.error().code;
            if (code != ErrorCode::Unavailable && code != ErrorCode::Timeout) break;
        }
        return answer.error();
    }

    Result<void> count(std::string_view piece) {
        while (true) {
            const auto record = TRY(store::next_record(piece));
            if (!record) return {};
            counts_.add(record->kind);
        }
    }

    // After the store: a record is in history before it leaves the store.
    Result<void> add_history() {
        std::string after;
        while (true) {
            const std::string asked =
                "/api/v1/cdr?limit=1000" + (after.empty() ? "" : "&after=" + encode(after));
            const Answer answer = TRY(client_.call("GET", asked));
            const json::value& page = answer.json();
            for (const json::value& record : page.at("items").as_array()) {
                counts_.add(Kind::Cdr);
                TRY(file_.add(Kind::Cdr, cell(record, "id"), json::serialize(record)));
            }
            progress_.show(counts_.text());
            if (page.at("next").is_null()) return {};
            after = std::string(page.at("next").as_string());
        }
    }

    std::string data_;
    Client client_;
    app::BackupWriter file_;
    std::string id_;
    Counts counts_;
    Progress progress_;
    bool has_authority_ = false;
    bool is_broken_off_ = false;
};

Result<std::string> data_directory(const std::string& given) {
    const char* environment = std::getenv("TANDEM_DATA");
    for (const std::string& each : {given, std::string(environment == nullptr ? "" : environment),
                                    std::string("./var"), std::string("/var/lib/tandem")}) {
        std::error_code error;
        if (!each.empty() && std::filesystem::exists(each + "/site.key", error)) return each;
        if (!given.empty()) break;
    }
    return make_error(ErrorCode::NotFound, "",
                      "no data directory with the site's keys (site.key) is found or may be read: "
                      "run this on a server of the site, as the user of tandemd, with --data");
}

Result<std::string> passphrase_for(const Wanted& wanted, app::Asking asking) {
    if (!wanted.passphrase_file.empty()) return app::passphrase_in(wanted.passphrase_file);
    return app::ask_passphrase(asking);
}

void tell(const Wanted& wanted, const Backup& backup, bool is_open) {
    std::printf("%s: %s, %.1f MiB\n", wanted.file.c_str(), backup.counts().text().c_str(),
                static_cast<double>(backup.bytes()) / (1 << 20));
    std::fprintf(stderr, "%s\n",
                 is_open
                     ? "It is not encrypted and as good as all passwords of the site: keep it "
                       "where nobody else can read it (its mode is 0600)."
                     : "Whoever has it and the passphrase has all passwords of the site. Without "
                       "the passphrase nobody can restore it.");
    if (!backup.has_authority()) {
        std::fprintf(stderr,
                     "This server has no key of the site's authority (tls/site_ca.key): a "
                     "restored site will make another one.\n");
    }
}

Result<void> make_backup(Global& global, const Wanted& wanted) {
    std::error_code error;
    if (std::filesystem::exists(wanted.file, error) && !wanted.replace) {
        return make_error(ErrorCode::Conflict, "",
                          wanted.file + " is there already: give another name, or --replace");
    }
    const std::string data = TRY(data_directory(wanted.data));
    std::string passphrase;
    if (wanted.passphrase || !wanted.passphrase_file.empty())
        passphrase = TRY(passphrase_for(wanted, app::Asking::Twice));
    for (int round = 1;; ++round) {
        runtime::SystemRng rng;
        Backup backup(data, global.url,
                      TRY(app::BackupWriter::create(wanted.file, passphrase, rng)));
        const auto done = backup.run();
        if (done.has_value()) {
            tell(wanted, backup, passphrase.empty());
            return {};
        }
        if (!backup.is_broken_off() || round == kRounds) return done.error();
        std::fprintf(stderr, "%s: the backup begins anew\n", done.error().message.c_str());
    }
}

// Reads all of it, and says what it is.
Result<void> check_backup(const Wanted& wanted) {
    auto file = TRY(app::BackupFile::open(wanted.file));
    if (file.wants_passphrase()) TRY(file.unlock(TRY(passphrase_for(wanted, app::Asking::Once))));
    Counts counts;
    Progress progress;
    std::string about;
    while (true) {
        const auto record = TRY(file.next());
        if (!record) break;
        if (record->kind == Kind::About) about = record->value;
        counts.add(record->kind);
        progress.show(counts.text());
    }
    boost::system::error_code error;
    const json::value known = json::parse(about, error);
    if (error || !known.is_object())
        return make_error(ErrorCode::Malformed, "", wanted.file + ": it does not say what it is");
    std::printf("%s is whole: made %s by version %s, %s\n", wanted.file.c_str(),
                cell(known, "made").c_str(), cell(known, "version").c_str(), counts.text().c_str());
    return {};
}

}  // namespace

void add_backup_command(CLI::App& app, Global& global) {
    static Wanted wanted;
    auto* backup = app.add_subcommand(
        "backup", "the whole site in one file, from which 'tandemd --restore' makes it anew");
    backup->add_option("file", wanted.file)->required();
    backup->add_option("--data", wanted.data,
                       "data directory of this server (default: $TANDEM_DATA, ./var, "
                       "/var/lib/tandem)");
    backup->add_flag("--passphrase", wanted.passphrase, "encrypt it; asks at the terminal");
    backup->add_option("--passphrase-file", wanted.passphrase_file,
                       "encrypt it with the first line of this file");
    backup->add_flag("--replace", wanted.replace, "put it in the place of a file of this name");
    backup->add_flag("--check", wanted.check, "only read the file, and say what it holds");
    backup->callback([&] {
        const auto done = wanted.check ? check_backup(wanted) : make_backup(global, wanted);
        if (done.has_value()) return;
        global.fail(done.error());
        // A damaged file is no fault of the command line.
        if (global.exit_code == kExitUsage) global.exit_code = kExitRefused;
    });
}

}  // namespace tandem::cli
