#include "app/drill/fleet.h"

#include <algorithm>
#include <utility>

#include "app/drill/limits.h"
#include "runtime/reactor/clock.h"

namespace tandem::drill {
namespace {

// How long an answer may be missing after a harm has ended: all repetitions of RFC 3261.
constexpr Duration kExcuse = 35s;

}  // namespace

Fleet::Fleet(FleetPlan plan)
    : plan_(std::move(plan)),
      base_(runtime::read_monotonic()),
      world_(plan_.seed),
      sockets_(reactor_, plan_.gates, *this) {}

Result<std::unique_ptr<Fleet>> Fleet::make(FleetPlan plan) {
    std::unique_ptr<Fleet> fleet(new Fleet(std::move(plan)));
    TRY(fleet->open());
    return fleet;
}

Result<void> Fleet::open() {
    for (const Account& account : plan_.accounts) {
        make_phone(account, TRY(sockets_.open_phone()));
    }
    open_refresh_.resize(phones_.size());
    gaps_.resize(phones_.size());
    reactor_.set_drive([this](Now now) -> std::optional<Instant> {
        advance(now.mono);
        const auto next = world_.next_event();
        if (!next) return std::nullopt;
        return Instant{*next - Instant{kEpoch}} + base_.since_epoch;
    });
    thread_ = std::thread([this] { reactor_.run(); });
    return {};
}

Fleet::~Fleet() {
    if (!thread_.joinable()) return;
    reactor_.stop();
    thread_.join();
}

void Fleet::advance(Instant mono) {
    const auto due = world_.next_event();
    if (due && *due < at(mono)) lateness_ = std::max(lateness_, at(mono) - *due);
    world_.run_until(at(mono));
}

void Fleet::make_phone(const Account& account, const SocketAddress& own) {
    sim::PhoneTraits traits;
    traits.index = phones_.size();
    traits.login = account.login;
    traits.password = account.password;
    traits.domain = plan_.domain;
    traits.own = own;
    traits.seen_from = own;
    traits.salt = plan_.domain.substr(0, plan_.domain.find('.'));
    traits.knows_addresses = false;
    const SocketAddress gate = sockets_.gate_of(traits.index);
    phones_.push_back(std::make_unique<sim::Phone>(world_, sockets_, gate, traits, *this));
    sim::UserTemper& temper = phones_.back()->temper;
    temper.cancels = temper.holds = temper.unregisters = temper.offerless = temper.on_grid = 0;
    temper.patience = call_patience;
    temper.gives_up = cancel_patience;
    temper.talk_most = talk_most;
    temper.hangs_up = false;
    temper.answers_after = Duration{0};
}

// ---- what is to go on

void Fleet::register_all() {
    Duration wait{0};
    for (const auto& phone : phones_) {
        world_.after(wait, [&phone = *phone] { phone.refresh(); });
        wait += register_spacing;
    }
}

size_t Fleet::registered() const {
    return static_cast<size_t>(std::ranges::count_if(phones_, [](const auto& phone) {
        return phone->registration().certain && phone->registration().until;
    }));
}

void Fleet::call(size_t caller, size_t callee, bool holds) {
    phones_[caller]->temper.hangs_up = !holds;
    phones_[callee]->temper.answers_after =
        holds ? Duration{0} : world_.between(Duration{0}, ring_most);
    phones_[caller]->call(phones_[callee]->traits().login);
}

void Fleet::hold_calls() {
    Duration wait{0};
    for (size_t i = 0; i < plan_.held; ++i) {
        const sim::PhoneCall* left[] = {open_call(2 * i), open_call(2 * i + 1)};
        if (left[0] != nullptr && left[1] != nullptr) continue;
        if (left[0] != nullptr || left[1] != nullptr) {  // the other side of a call that was lost
            const size_t phone = left[0] != nullptr ? 2 * i : 2 * i + 1;
            phones_[phone]->hang_up(open_call(phone)->number);
            continue;
        }
        world_.after(wait, [this, i] { call(2 * i, 2 * i + 1, true); });
        wait += hold_spacing;
    }
}

size_t Fleet::held() const {
    size_t count = 0;
    for (size_t i = 0; i < plan_.held; ++i) count += hears(2 * i) && hears(2 * i + 1) ? 1 : 0;
    return count;
}

void Fleet::place_calls(bool on) {
    ++places_;
    if (on && plan_.rate > 0) place_next(places_);
}

void Fleet::place_next(uint64_t plan) {
    if (plan != places_) return;
    world_.after(
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / plan_.rate)),
        [this, plan] { place_next(plan); });
    for (size_t tries = 0; tries < plan_.pairs; ++tries) {
        const size_t caller = first_of_pair(next_pair_++ % plan_.pairs);
        const bool is_free = phones_[caller]->is_idle() && phones_[caller + 1]->is_idle();
        if (is_free) return call(caller, caller + 1, false);
    }
}

void Fleet::refresh_bindings(bool on) {
    ++refreshing_;
    if (on) refresh_next(refreshing_);
}

// The next one that waits for no answer.
void Fleet::refresh_next(uint64_t plan) {
    if (plan != refreshing_) return;
    world_.after(refresh_period, [this, plan] { refresh_next(plan); });
    for (size_t tries = 0; tries < phones_.size(); ++tries) {
        const size_t phone = next_refresh_++ % phones_.size();
        const auto& registration = phones_[phone]->registration();
        if (!registration.certain || !registration.until || open_refresh_[phone]) continue;
        open_refresh_[phone] = refreshes_.size();
        refreshes_.push_back({world_.time(), std::nullopt});
        return phones_[phone]->refresh();
    }
}

// The callers, and then those whose caller could not make it heard.
void Fleet::hang_up_all() {
    const auto hang_up = [this](bool callers) {
        for (const auto& phone : phones_) {
            for (const auto& each : phone->calls()) {
                const bool wanted = each->is_caller == callers && !each->is_over();
                if (wanted) phone->hang_up(each->number);
            }
        }
    };
    hang_up(true);
    world_.after(called_hang_up_after, [hang_up] { hang_up(false); });
}

bool Fleet::is_at_rest() const {
    return std::ranges::all_of(phones_, [](const auto& phone) { return phone->is_at_rest(); });
}

// ---- what was seen

void Fleet::mark_harm(Instant when, Duration lasts) {
    harm_ = when;
    harms_.emplace_back(when, when + lasts);
    // One that was asked before is no news of the time since.
    refreshes_.clear();
    std::ranges::fill(open_refresh_, std::nullopt);
    std::ranges::fill(gaps_, Duration{0});
}

const sim::PhoneCall* Fleet::open_call(size_t phone) const {
    const auto& calls = phones_[phone]->calls();
    const auto open = std::find_if(calls.rbegin(), calls.rend(),
                                   [](const auto& call) { return !call->is_over(); });
    return open == calls.rend() ? nullptr : open->get();
}

bool Fleet::hears(size_t phone) const {
    const sim::PhoneCall* call = open_call(phone);
    return call != nullptr && call->is_up() && world_.time() - call->last_received < silence_most;
}

CallSeen Fleet::seen(size_t phone, const sim::PhoneCall& call) const {
    CallSeen seen;
    seen.call_id = call.call_id;
    seen.held = phone < 2 * plan_.held;
    seen.began = call.began;
    seen.rang = call.rang;
    seen.answered = call.answered;
    seen.ended = call.ended;
    seen.status = call.status;
    seen.end = !call.is_over() ? "no sound"
               : call.end == sim::PhoneCallEnd::ByUs
                   ? "hung up, answered with " + std::to_string(call.bye_status)
                   : "ended by the other side";
    // 481: the call was gone. Any other answer, and none, may only mean that nobody was there to
    // hear that its user hangs up.
    const bool hung_up =
        call.byes_crossed || (call.end == sim::PhoneCallEnd::ByUs && call.bye_status != 481);
    seen.well = call.is_over() ? hung_up : seen.held && hears(phone) && hears(phone + 1);
    return seen;
}

std::vector<Probe> Fleet::refreshes() const {
    std::vector<Probe> known = refreshes_;
    std::erase_if(known, [&](const Probe& probe) {
        return !probe.served && world_.time() - probe.asked < kPrompt;
    });
    return known;
}

std::vector<CallSeen> Fleet::calls() const {
    std::vector<CallSeen> all;
    for (size_t i = 0; i < phones_.size(); ++i) {
        for (const auto& call : phones_[i]->calls()) {
            if (call->is_caller) all.push_back(seen(i, *call));
        }
    }
    return all;
}

std::vector<Duration> Fleet::sound_gaps() const {
    std::vector<Duration> gaps;
    for (size_t i = 0; i < plan_.held; ++i) {
        Duration gap{0};
        bool is_up = true;
        for (const size_t phone : {2 * i, 2 * i + 1}) {
            const sim::PhoneCall* call = open_call(phone);
            is_up = is_up && call != nullptr && call->is_up();
            if (!is_up) break;
            gap = std::max({gap, gaps_[phone], world_.time() - call->last_received});
        }
        if (is_up) gaps.push_back(gap);
    }
    return gaps;
}

std::vector<std::string> Fleet::contacts() const {
    std::vector<std::string> all;
    for (const auto& phone : phones_) {
        const auto& until = phone->registration().until;
        if (until && *until > world_.time()) all.push_back(phone->contact_uri());
    }
    return all;
}

// ---- what comes

void Fleet::on_sip(size_t phone, std::string_view bytes) {
    advance(reactor_.now().mono);
    // RFC 5626 4.4.1: an empty line is a sign of life and no message.
    if (bytes.find_first_not_of("\r\n") == bytes.npos) return;
    phones_[phone]->on_sip(bytes);
}

void Fleet::on_media(size_t phone, const sim::Datagram& datagram) {
    advance(reactor_.now().mono);
    phones_[phone]->on_media(datagram);
}

bool Fleet::is_excused(size_t, Instant from, Instant to) const {
    return std::ranges::any_of(harms_, [&](const auto& harm) {
        return from <= harm.second + kExcuse && to >= harm.first;
    });
}

void Fleet::on_registered(sim::Phone& phone) {
    const auto open = std::exchange(open_refresh_[phone.traits().index], std::nullopt);
    if (open) refreshes_[*open].served = world_.time();
}

void Fleet::on_sound(sim::Phone& phone, sim::PhoneCall&, Instant before) {
    if (harm_ == Instant{} || before == Instant{} || world_.time() <= harm_) return;
    Duration& gap = gaps_[phone.traits().index];
    gap = std::max(gap, world_.time() - before);
}

}  // namespace tandem::drill
