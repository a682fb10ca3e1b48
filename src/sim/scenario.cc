// What happens in a run.
#include "sim/scenario.h"

#include <algorithm>

#include "sim/run.h"

namespace tandem::sim {
namespace {

constexpr std::string_view kDomain = "sim.test";
constexpr uint16_t kStoreNode = 1;
constexpr Duration kBootPatience = 10s;
constexpr Duration kQuiet = 70s;  // after the last call: 64 * T1 for everybody, twice
constexpr Duration kCleanPatience = 240s;
constexpr Duration kSwitch = 1s;  // to a passive copy, at worst
const char* const kNumbers[] = {"1001", "1002", "1003", "1004"};
// Whose phones: the third account has three, which ring together.
constexpr int kPhonesOf[] = {1, 1, 3, 1};

std::string json_of(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    std::string json = "{";
    for (const auto& [name, value] : fields) {
        if (json.size() > 1) json += ',';
        json.append("\"").append(name).append("\":\"").append(value).append("\"");
    }
    return json + "}";
}

}  // namespace

RunResult run_scenario(const RunOptions& options) {
    return Run(options).go();
}

Run::Run(const RunOptions& options)
    : world_(options.seed),
      later_(options.seed ^ 0x6c61746572),
      profile_(draw_profile(world_, later_)),
      site_(world_, profile_.plan, options.make_parts) {
    if (options.plain) profile_.transfers = profile_.queue = false;
    if (options.trace) world_.set_trace(options.trace);
    world_.trace(profile_.text());
    site_.set_phones(*this);
    site_.watch_replaced([this](uint16_t node) { on_replaced(node); });
}

RunResult Run::go() {
    boot();
    ends_ = world_.time() + profile_.time;
    site_.network().temper = profile_.network;
    site_.store().temper = profile_.store;
    for (const auto& phone : phones_) phone->start();
    world_.after(3s, [this] { plan_calls(); });
    world_.after(2s, [this] { write_something(); });
    plan_faults();
    world_.run_until(ends_);
    heal();
    wait_for(
        [this] {
            return std::ranges::all_of(phones_, [](const auto& p) { return p->is_at_rest(); });
        },
        120s, "the phones to hang up");
    for (const auto& phone : phones_) {
        if (phone->is_at_rest()) continue;
        world_.fail("phone " + std::to_string(phone->traits().index) +
                    " has open:" + phone->open_transactions());
    }
    check_bindings();
    world_.run_until(world_.time() + kQuiet);
    for (const Instant until = world_.time() + kCleanPatience; world_.time() < until;) {
        if (is_clean(nullptr)) break;
        world_.run_until(world_.time() + 5s);
    }
    check_writes();
    check_survivors();
    check_ringing_survivors();
    check_records();
    check_telephony();
    check_leftovers();
    for (const auto& [name, value] : site_.figures()) {
        if (name.ends_with("_total")) world_.count("figure " + name, static_cast<uint64_t>(value));
    }
    return {world_.hash(), profile_.text(), world_.failures(), world_.counts(), sound_back_};
}

void Run::wait_for(const std::function<bool()>& done, Duration patience, std::string_view what) {
    const Instant until = world_.time() + patience;
    while (!done()) {
        if (world_.time() >= until) return world_.fail("waited in vain for " + std::string(what));
        world_.run_until(world_.time() + 10ms);
    }
}

// ---- before the run

void Run::boot() {
    site_.start();
    wait_for([this] { return site_.is_serving(); }, kBootPatience, "the site to serve");
    world_.run_until(world_.time() + 500ms);
    make_accounts();
    make_phones();
}

void Run::make_accounts() {
    int open = 0;
    const auto send = [&](const char* method, const std::string& path, std::string body) {
        ++open;
        site_.http(method, path, std::move(body), [&, path](const ports::HttpResponse* response) {
            --open;
            if (response == nullptr || response->status >= 300) {
                world_.fail("writing " + path + ": " + (response ? response->body : "no answer"));
            }
        });
        wait_for([&] { return open == 0; }, kBootPatience, "the API");
    };
    const auto post = [&](const std::string& path, std::string body) {
        send("POST", path, std::move(body));
    };
    post("/api/v1/domains",
         R"({"name":"sim.test","settings":{"ring_timeout_s":15,"session_expires_s":90}})");
    for (const char* number : kNumbers) {
        post("/api/v1/domains/sim.test/accounts",
             json_of({{"login", number}, {"number", number}, {"password", "secret"}}));
    }
    // Some calls go on, the last one's perhaps twice.
    const auto forward = [&](const char* number, std::string body) {
        const std::string account = std::string("/api/v1/domains/sim.test/accounts/") + number;
        send("PATCH", account + "/services", std::move(body));
    };
    forward("1002", R"({"forward_busy":"1003","forward_unregistered":"1001"})");
    forward("1004", R"({"forward_no_answer":"1002","forward_no_answer_after_s":5})");
    if (profile_.queue) make_queue();
    if (profile_.plan.shape != SiteShape::Grouped) return;
    site_.http("GET", "/api/v1/domains/sim.test", {}, [&](const ports::HttpResponse* response) {
        const auto domain =
            response == nullptr
                ? Result<model::Domain>(make_error(ErrorCode::Timeout, "", ""))
                : model::decode<model::Domain>(response->body, model::Source::Store);
        if (!domain) return world_.fail("no domain: " + domain.error().message);
        domain_ = domain->id;
    });
    wait_for([&] { return !domain_.is_nil(); }, kBootPatience, "the domain");
    post("/api/v1/domain-groups", R"({"root":")" + domain_.text() + R"(","sr":1,"cs":1})");
}

// Phones register and calls go on meanwhile.
void Run::move_domain() {
    if (healed_) return;
    const std::string groups = world_.happens(0.5) ? R"({"sr":1,"cs":2})" : R"({"sr":2,"cs":1})";
    site_.http("PATCH", "/api/v1/domain-groups/sim.test", groups,
               [this](const ports::HttpResponse* response) {
                   const bool done = response != nullptr && response->status == 200;
                   world_.count(done ? "domains moved to other groups" : "moves refused");
               });
}

void Run::make_phones() {
    for (size_t account = 0; account < std::size(kNumbers); ++account) {
        for (int device = 0; device < kPhonesOf[account]; ++device) {
            PhoneTraits traits;
            traits.index = phones_.size() + 1;
            traits.login = kNumbers[account];
            traits.password = "secret";
            traits.domain = kDomain;
            const std::string last = std::to_string(traits.index + 10);
            traits.seen_from = {*IpAddress::parse("203.0.113." + last), 5060};
            traits.own = traits.seen_from;
            if (world_.happens(0.4)) traits.own.ip = *IpAddress::parse("10.0.0." + last);
            traits.over_tcp = world_.happens(0.3);
            traits.reliable_provisionals = world_.happens(0.5);
            for (const char* number : kNumbers) {
                if (traits.login != number) traits.numbers.emplace_back(number);
            }
            if (profile_.queue) traits.numbers.insert(traits.numbers.end(), 2, kQueueNumber);
            auto phone = std::make_unique<Phone>(world_, site_.network(), site_.sip_address(),
                                                 std::move(traits), *this);
            if (profile_.long_calls) phone->temper.talk_most = 110s;
            if (profile_.transfers) phone->temper.transfers = 0.35;
            phone->temper.attended = 0.4;
            phones_.push_back(std::move(phone));
        }
        const size_t first = phones_.size() - static_cast<size_t>(kPhonesOf[account]);
        for (size_t one = first; one < phones_.size(); ++one) {
            for (size_t other = first; other < phones_.size(); ++other) {
                if (one != other) phones_[one]->add_co_device(phones_[other]->traits());
            }
        }
    }
}

// ---- users

void Run::plan_calls() {
    if (healed_) return;
    call_somebody();
    const bool now_quiet = profile_.quiet_time && world_.happens(0.1);
    if (now_quiet) {
        profile_.quiet_time = false;
        world_.count("quiet times");
        ends_ = ends_ + 310s;
        world_.after(310s, [this] { plan_calls(); });
        return;
    }
    world_.after(world_.between(100ms, 3s), [this] { plan_calls(); });
}

void Run::call_somebody() {
    Phone& phone = *phones_[world_.rng().below(phones_.size())];
    if (!phone.is_idle()) return;
    const auto& numbers = phone.traits().numbers;
    phone.call(numbers[world_.rng().below(numbers.size())]);
}

void Run::write_something() {
    if (healed_) return;
    world_.after(world_.between(500ms, 6s), [this] { write_something(); });
    const std::string value = "v" + std::to_string(++api_writes_);
    const bool makes = world_.happens(0.5);
    Written written;
    if (makes) {
        written = {"/api/v1/domains/sim.test/accounts/" + value, "login", value, false};
    } else {
        const size_t which = world_.rng().below(std::size(kNumbers));
        written = {std::string("/api/v1/domains/sim.test/accounts/") + kNumbers[which],
                   "display_name", value, false};
    }
    writes_.push_back(written);
    const size_t index = writes_.size() - 1;
    const auto done = [this, index](const ports::HttpResponse* response) {
        if (response == nullptr || response->status >= 300) {
            world_.count(response == nullptr ? "API writes without an answer"
                                             : "API writes refused");
            return;
        }
        world_.count("API writes acknowledged");
        writes_[index].certain = true;
    };
    if (makes) {
        site_.http("POST", "/api/v1/domains/sim.test/accounts",
                   json_of({{"login", value}, {"password", "x"}}), done);
    } else {
        site_.http("PATCH", written.path, json_of({{"display_name", value}}), done);
    }
}

// ---- what goes wrong

void Run::disturb(Duration time, std::optional<size_t> phone) {
    disturbances_.push_back({.from = world_.time(), .to = world_.time() + time, .phone = phone});
}

void Run::plan_faults() {
    const auto moment = [this] { return world_.between(4s, profile_.time - 2s); };
    for (int i = 0; i < profile_.crashes; ++i) {
        world_.after(moment(), [this] {
            if (world_.happens(0.5)) return crash_somebody(std::nullopt);
            arm_crash();
        });
    }
    for (int i = 0; i < profile_.pauses; ++i) {
        world_.after(moment(), [this] {
            const auto node = static_cast<uint16_t>(1 + world_.rng().below(site_.node_count()));
            const Duration time = world_.between(20ms, 3s);
            world_.count("nodes paused");
            if (node == kStoreNode) bad_times_.emplace_back(world_.time(), world_.time() + time);
            pauses_.push_back({node, world_.time(), world_.time() + time});
            site_.pause(node, time);
        });
    }
    for (int i = 0; i < profile_.link_cuts; ++i) {
        world_.after(moment(), [this] {
            const auto a = static_cast<uint16_t>(1 + world_.rng().below(site_.node_count()));
            const auto b = static_cast<uint16_t>(1 + world_.rng().below(site_.node_count()));
            if (a == b) return;
            const Duration time = world_.between(10ms, 4s);
            disturb(time + 1s, std::nullopt);
            site_.cut_link(a, b, time);
        });
    }
    for (int i = 0; i < profile_.phone_cuts; ++i) {
        world_.after(moment(), [this] {
            Phone& phone = *phones_[world_.rng().below(phones_.size())];
            const Duration time = world_.between(100ms, 20s);
            world_.count("phones cut off");
            disturb(time + 100ms, phone.traits().index);
            site_.network().cut(phone.traits().index, time);
        });
    }
    for (int i = 0; i < profile_.group_moves; ++i) {
        world_.after(moment(), [this] { move_domain(); });
    }
    for (int i = 0; i < profile_.bad_stores; ++i) {
        world_.after(moment(), [this] { bad_store(); });
    }
}

void Run::bad_store() {
    const Duration time = world_.between(500ms, 8s);
    world_.count("the store had a bad time");
    world_.trace("*** the store is bad");
    site_.store().temper = profile_.bad_store;
    bad_times_.emplace_back(world_.time(), world_.time() + time);
    store_bad_until_ = std::max(store_bad_until_, world_.time() + time);
    world_.after(time, [this] {
        if (store_bad_until_ <= world_.time()) site_.store().temper = profile_.store;
    });
}

// In the middle of something: a moment after the next message of a kind.
void Run::arm_crash() {
    static constexpr std::string_view kinds[] = {"SIP/2.0 200", "INVITE ", "REGISTER ",  "ACK ",
                                                 "BYE ",        "CANCEL ", "SIP/2.0 180"};
    const std::string_view kind = kinds[world_.rng().below(std::size(kinds))];
    ++armed_crashes_;
    site_.watch_next(kind, [this] {
        world_.count("nodes killed in the middle of something");
        world_.after(world_.between(0ms, 25ms), [this] {
            // Mostly the one that matters most.
            const uint16_t b2b = site_.node_of(ports::RoleKind::B2bua);
            const bool at_b2b = b2b != 0 && world_.happens(0.5);
            crash_somebody(at_b2b ? std::optional<uint16_t>(b2b) : std::nullopt);
        });
    });
}

void Run::crash_somebody(std::optional<uint16_t> node) {
    if (healed_) return;
    crash(node ? *node : static_cast<uint16_t>(1 + world_.rng().below(site_.node_count())));
}

void Run::crash(uint16_t node) {
    if (!site_.node(node).is_up()) return;
    world_.count("nodes killed");
    note_survivors(node);
    Duration down = world_.between(50ms, 1s);
    const bool has_heir = site_.has_copy(node);
    if (has_heir) {
        world_.count("nodes killed that had a passive copy");
        down += later_.below(8000) * 1ms;
    }
    disturb(has_heir ? kSwitch : down + 2s, std::nullopt);
    site_.crash(node);
    world_.after(down, [this, node, has_heir, disturbance = disturbances_.size() - 1] {
        site_.restart(node);
        if (!has_heir) watch_start(node, disturbance);
    });
    world_.after(down + 1500ms, [this] { check_bindings(); });
}

// What only it knew, as a ringing call, died when it was paused. All else is with others, or back
// soon.
void Run::on_replaced(uint16_t node) {
    const auto paused = std::ranges::find(pauses_.rbegin(), pauses_.rend(), node, &Pause::node);
    const Instant from = paused == pauses_.rend() ? world_.time() : paused->from;
    note_survivors(node);
    disturbances_.push_back({.from = from, .to = world_.time() + 2s, .is_replacement = true});
}

// A node that can't read the store does not serve: what comes for it is lost until then.
void Run::watch_start(uint16_t node, size_t disturbance) {
    if (site_.node(node).is_serving()) return;
    Instant& to = disturbances_[disturbance].to;
    to = std::max(to, world_.time() + 2s);
    world_.after(100ms, [this, node, disturbance] { watch_start(node, disturbance); });
}

void Run::heal() {
    healed_ = true;
    world_.trace("*** all is well again");
    site_.watch_next({}, {});
    site_.network().temper = {};
    profile_.store = {};
    store_bad_until_ =
        std::min(store_bad_until_, world_.time());  // what it began is still under way
    site_.store().temper = {};
    for (const auto& phone : phones_) phone->retire();
    wait_for([this] { return site_.is_serving(); }, kBootPatience, "the site to serve again");
}

// ---- from the network

void Run::on_datagram(size_t phone, const Datagram& datagram) {
    Phone& to = *phones_[phone - 1];
    if (datagram.is_media) return to.on_media(datagram);
    if (datagram.to != to.traits().seen_from) {
        return world_.fail("a message to a port of no phone: " + datagram.to.text());
    }
    to.on_sip(datagram.bytes);
}

void Run::on_connected(size_t phone, uint64_t connection, bool accepted) {
    phones_[phone - 1]->on_connected(connection, accepted);
}

void Run::on_stream(size_t phone, uint64_t, std::string_view message) {
    phones_[phone - 1]->on_sip(message);
}

void Run::on_closed(size_t phone, uint64_t connection) {
    phones_[phone - 1]->on_closed(connection);
}

}  // namespace tandem::sim
