#include "runtime/sqlite/cdr_search.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "base/octets.h"
#include "model/codec.h"

namespace tandem::runtime {
namespace {

using Clock = std::chrono::steady_clock;

// The clock is looked at after so many records: some 0.2 ms.
constexpr size_t looked_at_between = 256;

// Columns of every way, in this order.
constexpr const char* columns =
    "r.key, r.domain, r.direction, r.result, r.status, r.duration, r.caller, r.callee, r.dialled,"
    " r.caller_account, r.callee_account, r.call";
enum Column : int {
    Key,
    Domain,
    Direction,
    ResultOf,
    Status,
    Duration_,
    Caller,
    Callee,
    Dialled,
    CallerAccount,
    CalleeAccount,
    Call
};

// Parameters of every way.
enum Parameter : int { InDomain = 1, Below = 2, From = 3, Wanted = 4, WantedEnd = 5, Limit = 6 };

constexpr const char* in_time = "r.key < ?2 AND r.key >= ?3";

Result<int64_t> parse_cursor(std::string_view text) {
    int64_t key = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), key);
    if (error != std::errc() || end != text.data() + text.size() || key < 0)
        return make_error(ErrorCode::Malformed, "cursor", "is not one that we gave");
    return key;
}

class Search {
 public:
    Search(Database& database, DomainNumbers& domains, const CdrQuery& query)
        : database_(database), domains_(domains), query_(query) {}

    Result<CdrPage> run();

 private:
    using Spot = std::pair<int64_t, int64_t>;  // key and domain
    enum class By { Number, Status, Duration };

    Result<void> prepare();
    Result<bool> gather();
    Result<bool> gather_by(By by, const std::string& sql);
    Result<void> gather_in(By by, Statement& statement, int64_t domain);
    Result<void> look_at_gathered();
    Result<void> walk();
    std::string way();
    void bind(Statement& statement);
    bool fits(const Statement& row) const;
    bool fits_number(std::string_view number) const;
    bool take(const Statement& row);  // false: enough
    bool is_late();
    Result<CdrPage> page();

    Database& database_;
    DomainNumbers& domains_;
    const CdrQuery& query_;
    int64_t below_ = INT64_MAX;
    int64_t from_ = 0;
    std::optional<int64_t> domain_;
    std::string number_, number_end_;  // what it begins with, and what is beyond
    bool is_prefix_ = false;
    std::string account_, call_;
    std::vector<Spot> gathered_;
    std::vector<int64_t> found_;
    std::string next_;
    size_t seen_ = 0;
    Clock::time_point until_;
};

Result<void> Search::prepare() {
    if (query_.limit == 0 || query_.limit > cdr_page_max)
        return make_error(ErrorCode::OutOfRange, "limit", "must be an integer from 1 to 1000");
    if (query_.to) below_ = cdr_key_from(*query_.to);
    if (!query_.cursor.empty()) below_ = std::min(below_, TRY(parse_cursor(query_.cursor)));
    if (query_.from) from_ = cdr_key_from(*query_.from);
    if (query_.number) {
        number_ = *query_.number;
        is_prefix_ = number_.ends_with('*');
        if (is_prefix_) number_.pop_back();
        number_end_ = number_;
        // The next text that does not begin so: no byte of UTF-8 is 0xff.
        if (!number_end_.empty()) ++number_end_.back();
    }
    if (query_.account) account_ = octets_of(query_.account->bits);
    if (query_.call) call_ = octets_of(query_.call->bits);
    until_ = Clock::now() + query_.patience;
    return {};
}

bool Search::fits_number(std::string_view number) const {
    return is_prefix_ ? number.starts_with(number_) : number == number_;
}

bool Search::fits(const Statement& row) const {
    if (domain_ && row.column_integer(Domain) != *domain_) return false;
    if (query_.direction && row.column_integer(Direction) != static_cast<int>(*query_.direction))
        return false;
    if (query_.result && row.column_integer(ResultOf) != static_cast<int>(*query_.result))
        return false;
    if (query_.sip_status && row.column_integer(Status) != *query_.sip_status) return false;
    if (row.column_integer(Duration_) < query_.duration_min.count()) return false;
    if (query_.number && !fits_number(row.column_bytes(Caller)) &&
        !fits_number(row.column_bytes(Callee)) && !fits_number(row.column_bytes(Dialled)))
        return false;
    if (query_.account && row.column_bytes(CallerAccount) != account_ &&
        row.column_bytes(CalleeAccount) != account_)
        return false;
    return !query_.call || row.column_bytes(Call) == call_;
}

bool Search::is_late() {
    return ++seen_ % looked_at_between == 0 && Clock::now() >= until_;
}

bool Search::take(const Statement& row) {
    const int64_t key = row.column_integer(Key);
    if (fits(row)) {
        if (found_.size() == query_.limit) {  // so there is more
            next_ = std::to_string(found_.back());
            return false;
        }
        found_.push_back(key);
    }
    if (!is_late()) return true;
    next_ = std::to_string(key);
    return false;
}

// --- Ways whose index is in the order of time.

std::string Search::way() {
    const std::string select = std::string("SELECT ") + columns + " FROM ";
    const std::string order = std::string(in_time) + " ORDER BY r.key DESC";
    if (query_.call)
        return select + "record r INDEXED BY record_call WHERE r.call = ?4 AND " + order;
    if (query_.account)
        return select +
               "record_account x CROSS JOIN record r ON r.domain = x.domain AND r.key = x.key"
               " WHERE x.account = ?4 AND x.key < ?2 AND x.key >= ?3 ORDER BY x.key DESC";
    if (query_.number && !is_prefix_ && domain_)
        return select +
               "record_number x CROSS JOIN record r ON r.domain = x.domain AND r.key = x.key"
               " WHERE x.domain = ?1 AND x.number = ?4 AND x.key < ?2 AND x.key >= ?3"
               " ORDER BY x.key DESC";
    if (query_.sip_status && domain_)
        return select + "record r INDEXED BY record_status WHERE r.domain = ?1 AND r.status = ?4" +
               " AND " + order;
    if (domain_) return select + "record r WHERE r.domain = ?1 AND " + order;
    return select + "record r INDEXED BY record_age WHERE " + order;
}

void Search::bind(Statement& statement) {
    statement.integer(Below, below_).integer(From, from_);
    if (query_.call) {
        statement.bytes(Wanted, call_);
    } else if (query_.account) {
        statement.bytes(Wanted, account_);
    } else if (domain_) {
        statement.integer(InDomain, *domain_);
        if (query_.number && !is_prefix_) {
            statement.text(Wanted, number_);
        } else if (query_.sip_status) {
            statement.integer(Wanted, *query_.sip_status);
        }
    }
}

Result<void> Search::walk() {
    Statement statement = TRY(database_.prepare(way()));
    bind(statement);
    auto step = statement.step();
    for (; step == Statement::Step::Row; step = statement.step())
        if (!take(statement)) return {};
    if (step == Statement::Step::Failed) return database_.last_error();
    return {};
}

// --- Ways whose index is not: all keys first, if they are few. False: they are not, or there is
// no such index.

Result<bool> Search::gather() {
    const bool is_ordered = query_.call || query_.account ||
                            (domain_ && ((query_.number && !is_prefix_) || query_.sip_status));
    if (is_ordered) return false;
    // The beginning of a number has no bound in time, so that the limit bounds what is read.
    if (query_.number && !number_.empty() &&
        TRY(gather_by(By::Number, is_prefix_
                                      ? "SELECT x.key FROM record_number x WHERE x.domain = ?1 AND"
                                        " x.number >= ?4 AND x.number < ?5 LIMIT ?6"
                                      : "SELECT x.key FROM record_number x WHERE x.domain = ?1 AND"
                                        " x.number = ?4 AND x.key < ?2 AND x.key >= ?3 LIMIT ?6")))
        return true;
    if (query_.sip_status &&
        TRY(gather_by(By::Status,
                      "SELECT r.key FROM record r INDEXED BY record_status WHERE"
                      " r.domain = ?1 AND r.status = ?4 AND r.key < ?2 AND"
                      " r.key >= ?3 LIMIT ?6")))
        return true;
    return query_.duration_min.count() >= cdr_long_ms &&
           TRY(gather_by(By::Duration,
                         "SELECT r.key FROM record r INDEXED BY record_long WHERE"
                         " r.domain = ?1 AND r.duration >= 600000 AND"
                         " r.duration >= ?4 LIMIT ?6"));
}

Result<bool> Search::gather_by(By by, const std::string& sql) {
    gathered_.clear();
    Statement statement = TRY(database_.prepare(sql));
    if (domain_) {
        TRY(gather_in(by, statement, *domain_));
    } else {
        TRY(domains_.load());
        for (const auto& [id, domain] : domains_.all()) {
            TRY(gather_in(by, statement, domain));
            if (gathered_.size() > cdr_gathered_max) break;
        }
    }
    return gathered_.size() <= cdr_gathered_max;
}

Result<void> Search::gather_in(By by, Statement& statement, int64_t domain) {
    statement.integer(InDomain, domain).integer(Below, below_).integer(From, from_);
    switch (by) {
        case By::Number:
            statement.text(Wanted, number_).text(WantedEnd, number_end_);
            break;
        case By::Status:
            statement.integer(Wanted, *query_.sip_status);
            break;
        case By::Duration:
            statement.integer(Wanted, query_.duration_min.count());
            break;
    }
    statement.integer(Limit, static_cast<int64_t>(cdr_gathered_max + 1 - gathered_.size()));
    auto step = statement.step();
    for (; step == Statement::Step::Row; step = statement.step())
        gathered_.emplace_back(statement.column_integer(0), domain);
    statement.reset();
    if (step == Statement::Step::Failed) return database_.last_error();
    return {};
}

Result<void> Search::look_at_gathered() {
    std::erase_if(gathered_,
                  [&](const Spot& spot) { return spot.first >= below_ || spot.first < from_; });
    std::ranges::sort(gathered_, std::greater());
    // A record may have been gathered by its caller and its callee.
    const auto doubles = std::ranges::unique(gathered_);
    gathered_.erase(doubles.begin(), doubles.end());
    Statement statement = TRY(database_.prepare(
        std::string("SELECT ") + columns + " FROM record r WHERE r.domain = ?1 AND r.key = ?2"));
    for (const auto& [key, domain] : gathered_) {
        statement.integer(1, domain).integer(2, key);
        const auto step = statement.step();
        const bool enough = step == Statement::Step::Row && !take(statement);
        statement.reset();
        if (step == Statement::Step::Failed) return database_.last_error();
        if (enough) break;
    }
    return {};
}

Result<CdrPage> Search::page() {
    CdrPage page;
    page.next = next_;
    Statement body = TRY(database_.prepare("SELECT body FROM record_body WHERE key = ?1"));
    for (const int64_t key : found_) {
        body.integer(1, key);
        const auto step = body.step();
        if (step == Statement::Step::Failed) return database_.last_error();
        if (step == Statement::Step::Row)
            page.items.push_back(
                TRY(model::decode<model::Cdr>(body.column_bytes(0), model::Source::Store)));
        body.reset();
    }
    return page;
}

Result<CdrPage> Search::run() {
    TRY(prepare());
    if (query_.domain) {
        domain_ = TRY(domains_.find(*query_.domain));
        if (!domain_) return CdrPage{};
    }
    const bool is_gathered = TRY(gather());
    TRY(is_gathered ? look_at_gathered() : walk());
    return page();
}

}  // namespace

Result<CdrPage> search_cdrs(Database& database, DomainNumbers& domains, const CdrQuery& query) {
    return Search(database, domains, query).run();
}

}  // namespace tandem::runtime
