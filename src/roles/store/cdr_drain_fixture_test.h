// Several STs over one store, each with a history of its own.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/codec.h"
#include "ports/store_askers.h"
#include "roles/store/limits.h"
#include "roles/store/store_role.h"
#include "store/catalog.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::store_role {

using ports::RoleKind;
using Fault = store::MemoryStore::Fault;

inline constexpr std::string_view kLeader = "leader/st-1";

struct Copy {
    explicit Copy(uint16_t number) : self{number} {}

    ports::Instance self;
    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{3};
    ports::Surroundings around{self, directory, catalog, tokens, rng};
    std::unique_ptr<StoreRole> role;  // none: it is away
    ports::Outbox out;
    std::map<std::string, int> history;  // how often each record was given
    bool history_fails = false;
    bool history_is_deaf = false;
    bool history_is_slow = false;
    std::vector<ports::Letter> late;  // its answers meanwhile
    size_t deletions = 0;             // asked of the store
    size_t marks = 0;
    size_t pages = 0;
    size_t largest = 0;  // batch
    std::vector<std::string> said;
};

struct Rig {
    explicit Rig(std::vector<uint16_t> numbers) {
        for (const uint16_t number : numbers) copies.push_back(std::make_unique<Copy>(number));
        lay_out(numbers);
        if (numbers.size() > 1) elect(numbers.front());
        for (auto& copy : copies) start(*copy);
    }

    Copy& copy(uint16_t number) {
        for (auto& each : copies) {
            if (each->self.number == number) return *each;
        }
        ADD_FAILURE() << "no copy " << number;
        return *copies.front();
    }
    // The logic layer: these ST instances, of which some are disabled.
    void lay_out(const std::vector<uint16_t>& numbers, const std::set<uint16_t>& disabled = {}) {
        store::CatalogFeed feed;
        for (const uint16_t number : numbers) {
            model::RoleInstance role;
            role.id = RoleInstanceId{{1, number}};
            role.role = model::RoleCode::St;
            role.number = number;
            role.node = number;
            role.enabled = !disabled.contains(number);
            feed.load(
                {store::keys::role_instance(role.id), model::encode_stored(role, {}), {}, {}});
        }
        for (auto& each : copies) {
            each->catalog = feed.snapshot();
            if (each->role) each->role->on_catalog(now, each->out);
        }
        show_active();
        settle();
    }
    void show_active() {
        for (auto& copy : copies) {
            std::vector<ports::DirectoryEntry> entries;
            for (auto& each : copies) {
                entries.push_back({each->self, RoleKind::Store});
                entries.back().is_active = active == 0 || each->self.number == active;
            }
            copy->directory.replace(std::move(entries));
        }
    }
    // The others hear of it later (hear_of_post).
    void elect(uint16_t number) {
        active = number;
        put(std::string(kLeader), std::to_string(number));
        show_active();
        Copy& elected = copy(number);
        if (elected.role) elected.role->on_elected(now, guards(number), elected.out);
    }
    void hear_of_post() {
        for (auto& each : copies) {
            if (each->role) each->role->on_directory(now, each->out);
        }
    }
    static std::vector<store::Compare> guards(uint16_t number) {
        return {store::Compare::value_is(std::string(kLeader), std::to_string(number))};
    }
    void start(Copy& each) {
        each.out = {};
        each.role = std::make_unique<StoreRole>(each.around, SealKey{4, 5, 6});
        each.role->start(now, each.out);
        const bool elected = active == each.self.number;
        if (elected) each.role->on_elected(now, guards(active), each.out);
        settle();
    }
    void end(Copy& each) {
        each.role.reset();
        each.out = {};
    }

    void apply(const store::Request& request) {
        store::Outbox box;
        memory->apply(now.mono, request, box);
        for (store::Reply& reply : box.replies) tell(askers.answer(std::move(reply)));
        for (store::WatchBatch& batch : box.watches) tell(askers.tell(std::move(batch)));
    }
    void tell(std::optional<ports::Letter> letter) {
        if (letter) letters.push_back(std::move(*letter));
    }
    void serve(Copy& from, ports::Letter letter) {
        if (const auto* append = get_if<ports::HistoryAppend>(&letter.payload)) {
            from.largest = std::max(from.largest, append->records.size());
            ports::HistoryAppended appended;
            if (from.history_fails) appended.error = make_error(ErrorCode::Unavailable, "", "");
            for (const auto& record : append->records) {
                if (!from.history_fails) ++from.history[record.id];
            }
            if (from.history_is_deaf) return;
            auto& answers = from.history_is_slow ? from.late : letters;
            answers.push_back({ports::kHistory, letter.from, letter.request, std::move(appended)});
        } else if (const auto* line = get_if<ports::LogLine>(&letter.payload)) {
            from.said.push_back(line->text);
        } else if (holds_alternative<store::Request>(letter.payload)) {
            count(from, get<store::Request>(letter.payload).body);
            std::vector<store::Request> requests;
            askers.take(std::move(letter), requests);
            for (const store::Request& request : requests) apply(request);
        }
    }
    static void count(Copy& from, const store::RequestBody& body) {
        if (std::holds_alternative<store::RangeRequest>(body)) ++from.pages;
        const auto* txn = std::get_if<store::Txn>(&body);
        if (txn == nullptr) return;
        for (const store::Op& op : txn->then_ops) {
            const auto* put = std::get_if<store::Put>(&op);
            if (put != nullptr && put->key.starts_with(store::keys::cdr_seen_prefix)) ++from.marks;
            if (std::holds_alternative<store::Delete>(op)) ++from.deletions;
        }
    }
    // One letter each way for everybody; whether anything was there.
    bool step() {
        bool any = false;
        for (auto& each : copies) {
            for (ports::Letter& letter : each->out.take()) {
                any = true;
                serve(*each, std::move(letter));
            }
        }
        for (ports::Letter& letter : std::exchange(letters, {})) {
            any = true;
            Copy& to = copy(letter.to.number);
            if (to.role) to.role->on_letter(now, std::move(letter), to.out);
        }
        return any;
    }
    void settle() {
        for (int round = 0; round < 100'000 && step(); ++round) {
        }
    }
    void wait(Duration duration) {
        settle();
        now.mono = now.mono + duration;
        for (auto& each : copies) {
            if (!each->role) continue;
            const auto due = each->role->next_deadline();
            if (due && *due <= now.mono) each->role->on_timeout(now, each->out);
        }
        settle();
    }
    void wait_long() {
        for (int i = 0; i < 60; ++i) wait(500ms);
    }

    void put(std::string key, std::string value) {
        store::Txn txn;
        txn.then_ops.emplace_back(store::Put{std::move(key), std::move(value)});
        hooks_off = true;
        apply({0, std::move(txn)});
        hooks_off = false;
    }
    // Ended calls: numbers from `first` on.
    void finish(int first, int count = 1) {
        for (int i = first; i < first + count; ++i) put(key_of(i), "{}");
    }
    static std::string id_of(int number) { return std::to_string(1'000'000 + number); }
    static std::string key_of(int number) {
        return std::string(store::keys::cdr_outbox_prefix) + id_of(number);
    }
    std::vector<store::KeyValue> items(std::string_view prefix) {
        store::RangeRequest range;
        range.range = store::KeyRange::prefix(prefix);
        store::Outbox box;
        auto reply = store::Request{0, range};
        hooks_off = true;
        memory->apply(now.mono, reply, box);
        hooks_off = false;
        return std::get<store::RangeReply>(*box.replies.at(0).body).items;
    }
    size_t in_outbox() { return items(store::keys::cdr_outbox_prefix).size(); }
    size_t in_marks() { return items(store::keys::cdr_seen_prefix).size(); }
    void on_fault(std::function<Fault(const store::Request&)> hook) {
        memory->set_fault_hook([this, hook = std::move(hook)](const store::Request& request) {
            return hooks_off ? Fault::None : hook(request);
        });
    }
    // All data to a store of the next generation.
    void move_store() {
        auto next = std::make_unique<store::MemoryStore>(++generation);
        for (const store::KeyValue& item : items("")) {
            store::Outbox box;
            next->apply(now.mono, {0, store::Txn{{}, {store::Put{item.key, item.value}}, {}}}, box);
        }
        memory = std::move(next);
        for (auto& letter : askers.end_watches({generation, 1})) letters.push_back(letter);
    }

    Now now{{1000s}, {1'790'000'000'000}};
    uint32_t generation = 1;
    std::unique_ptr<store::MemoryStore> memory = std::make_unique<store::MemoryStore>(1);
    ports::StoreAskers askers;
    uint16_t active = 0;  // 0: nobody was elected
    bool hooks_off = false;
    std::vector<std::unique_ptr<Copy>> copies;
    std::vector<ports::Letter> letters;
};

}  // namespace tandem::roles::store_role
