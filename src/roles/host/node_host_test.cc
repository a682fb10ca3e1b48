#include "roles/host/node_host.h"

#include <gtest/gtest.h>

#include <map>

#include "cluster/limits.h"
#include "model/codec.h"
#include "model/entities.h"
#include "roles/host/letter_router.h"
#include "roles/host/limits.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::host {
namespace {

class NoRoles final : public RoleFactory {
 public:
    std::unique_ptr<ports::Role> make(ports::RoleKind, const ports::Surroundings&) override {
        return nullptr;
    }
};

// A host and the store that answers it; the answer to one request is lost.
struct Fixture {
    explicit Fixture(int which_is_lost) : Fixture(which_is_lost, none) {}
    Fixture(int which_is_lost, RoleFactory& roles)
        : lost(which_is_lost), host{{1, 0, "test", {}}, tokens, rng, roles} {
        host.start(now);
        run();
    }
    // Somebody else's write, and its watch.
    void put(const std::string& key, std::string value) {
        store::Outbox out;
        memory.apply(now.mono, {1, store::Txn{{}, {store::Put{key, std::move(value)}}, {}}}, out);
        tell_watches(out);
        run();
    }
    void run() {
        for (int round = 0; round < 20; ++round) {
            for (ports::Letter& letter : host.run(now)) {
                const auto* request = get_if<store::Request>(&letter.payload);
                if (request == nullptr || letter.to != ports::kKeyValue) {
                    left.push_back(std::move(letter));
                    continue;
                }
                store::Outbox out;
                memory.apply(now.mono, *request, out);
                if (++requests == lost) continue;
                for (store::Reply& reply : out.replies) {
                    host.deliver({ports::kKeyValue, host.self(), letter.request, std::move(reply)});
                }
                tell_watches(out);
            }
        }
    }
    void tell_watches(store::Outbox& out) {
        for (store::WatchBatch& batch : out.watches)
            host.deliver({ports::kKeyValue, host.self(), 0, std::move(batch)});
    }
    void advance(Duration time) {
        now.mono = now.mono + time;
        host.on_timeout(now);
        run();
    }

    Now now{Instant{1000s}, UtcTime{1'800'000'000'000}};
    SeededRng rng{1};
    ports::TokenMint tokens{{1, 2}};
    NoRoles none;
    store::MemoryStore memory;
    store::Outbox ignored;
    std::vector<ports::Letter> left;  // for anybody but the store
    int requests = 0;
    int lost = 0;
    NodeHost host;
};

TEST(NodeHost, AnAnswerOfTheStoreThatNeverComesIsAskedForAgain) {
    Fixture well(0);
    ASSERT_TRUE(well.host.is_serving());
    ASSERT_GE(well.requests, 5);  // three layers of the catalog, and the epoch read and raised
    // Watches are asked for, too, but nothing waits for their answers.
    for (int which = 1; which <= well.requests; ++which) {
        SCOPED_TRACE(which);
        Fixture host(which);
        host.advance(store_reply_max);
        EXPECT_TRUE(host.host.is_serving());
    }
}

// Node 2 asks an instance that is not here, before this host has read anything.
TEST(NodeHost, AQuestionOfAFasterNeighbourIsAnsweredOnceTheLayersAreRead) {
    Fixture fixture(1);
    ASSERT_FALSE(fixture.host.is_serving());
    fixture.host.set_reachable_nodes(fixture.now, {{2, {1, 1}, {}}});
    const ports::Instance asker = ports::host_of(2);
    fixture.host.deliver({asker, ports::Instance{7}, 5, ports::StatusQuery{}});
    fixture.run();
    EXPECT_TRUE(fixture.left.empty());
    fixture.advance(store_reply_max);
    ASSERT_EQ(fixture.left.size(), 1u);
    EXPECT_EQ(fixture.left[0].to, asker);
    EXPECT_EQ(fixture.left[0].request, 5u);
    EXPECT_TRUE(holds_alternative<ports::Unreachable>(fixture.left[0].payload));
}

// The media shard was faster: its first letter to another node waits until that node is known.
TEST(NodeHost, ALetterOfTheOtherShardLeavesOnceTheLayersAreRead) {
    Fixture fixture(1);
    model::RoleInstance elsewhere;
    elsewhere.id = RoleInstanceId{{1, 2}};
    elsewhere.number = 7;
    elsewhere.node = 2;
    elsewhere.role = model::RoleCode::Mgc;
    fixture.memory.apply(fixture.now.mono,
                         {1, store::Txn{{},
                                        {store::Put{store::keys::role_instance(elsewhere.id),
                                                    model::encode_stored(elsewhere, {})}},
                                        {}}},
                         fixture.ignored);
    fixture.host.set_reachable_nodes(fixture.now, {{2, {1, 1}, {}}});
    fixture.host.deliver({ports::host_of(1, 1), ports::Instance{7}, 0, ports::MediaLoad{}});
    fixture.run();
    EXPECT_TRUE(fixture.left.empty());
    fixture.advance(store_reply_max);
    ASSERT_EQ(fixture.left.size(), 1u);
    EXPECT_TRUE(holds_alternative<ports::MediaLoad>(fixture.left[0].payload));
}

// Servers 1 to 4 with a home node each, of which 4 drains; 2 has the MGC, number 7.
void put_servers(Fixture& fixture) {
    const auto put = [&](const std::string& key, const auto& value) {
        const store::Put op{key, model::encode_stored(value, {})};
        fixture.memory.apply(fixture.now.mono, {1, store::Txn{{}, {op}, {}}}, fixture.ignored);
    };
    for (int node = 1; node <= 4; ++node) {
        model::Server server;
        server.id = ServerId{{1, static_cast<uint64_t>(node)}};
        server.node = node;
        server.enabled = node != 4;  // one that drains may be switched off
        put(store::keys::server(server.id), server);
    }
    model::RoleInstance role;
    role.id = RoleInstanceId{{1, 2}};
    role.server = ServerId{{1, 2}};
    role.number = 7;
    role.node = 2;
    role.role = model::RoleCode::Mgc;
    put(store::keys::role_instance(role.id), role);
    fixture.advance(store_reply_max);
    fixture.host.set_reachable_nodes(fixture.now,
                                     {{1, {1, 1}, {}}, {2, {1, 1}, {}}, {3, {1, 1}, {}}});
    fixture.advance(100ms);
}

// Node 2 has the MGC no more, and finishes what it has there; it tells so a little later than the
// layers do, or has nothing of it any more.
TEST(NodeHost, AnInstanceThatIsTakenFromANodeIsFoundUntilTheNodeHasToldWhatBecomesOfIt) {
    for (const bool node_tells : {true, false}) {
        SCOPED_TRACE(node_tells);
        Fixture fixture(1);
        put_servers(fixture);
        ASSERT_EQ(fixture.host.directory().find(ports::Instance{7})->weight, 100);
        model::RoleInstance role;
        role.id = RoleInstanceId{{1, 2}};
        role.number = 7;
        role.node = 2;
        role.role = model::RoleCode::Mgc;
        role.enabled = false;
        fixture.put(store::keys::role_instance(role.id), model::encode_stored(role, {}));
        const ports::DirectoryEntry* entry = fixture.host.directory().find(ports::Instance{7});
        ASSERT_NE(entry, nullptr);
        EXPECT_EQ(entry->weight, 0) << "nothing new is for it";
        if (node_tells) {
            std::vector<ports::DirectoryEntry> drains{*entry};
            fixture.host.set_reachable_nodes(fixture.now, {{1, {1, 1}, {}}, {2, {1, 1}, drains}});
            fixture.advance(departure_told_within);
            EXPECT_NE(fixture.host.directory().find(ports::Instance{7}), nullptr);
            fixture.host.set_reachable_nodes(fixture.now, {{1, {1, 1}, {}}, {2, {1, 1}, {}}});
        } else {
            ASSERT_TRUE(fixture.host.next_deadline());
            EXPECT_LE(*fixture.host.next_deadline(), fixture.now.mono + departure_told_within);
            fixture.advance(departure_told_within);
        }
        EXPECT_EQ(fixture.host.directory().find(ports::Instance{7}), nullptr);
    }
}

// A request over a connection is not sent again: whoever waits for its answer hears that there will
// be none.
TEST(NodeHost, ARequestForAPhoneOnAConnectionOfAGateThatIsAwayComesBack) {
    Fixture fixture(1);
    put_servers(fixture);
    fixture.host.set_reachable_nodes(fixture.now, {{1, {1, 1}, {}}, {3, {1, 1}, {}}});
    fixture.left.clear();
    const auto send = [&](sip::Message message, ports::Transport transport) {
        ports::SipOutbound sip;
        sip.flow.gate = ports::Instance{7};
        sip.flow.transport = transport;
        sip.branch = "z9hG4bKtoken";
        sip.message = std::move(message);
        fixture.host.deliver({ports::host_of(1, 1), ports::Instance{7}, 0, std::move(sip)});
        fixture.run();
    };
    const auto update = sip::Message::request(sip::Method::Update, "sip:bob@192.0.2.1");
    send(update, ports::Transport::Udp);
    send(sip::Message::response(200, "OK"), ports::Transport::Tls);
    EXPECT_TRUE(fixture.left.empty());
    send(update, ports::Transport::Tls);
    ASSERT_EQ(fixture.left.size(), 1u);
    EXPECT_EQ(fixture.left[0].to, ports::host_of(1, 1));
    const auto* failed = get_if<ports::SipUndeliverable>(&fixture.left[0].payload);
    ASSERT_NE(failed, nullptr);
    EXPECT_EQ(failed->branch, "z9hG4bKtoken");
    EXPECT_EQ(failed->status, 430);
}

// A server that hosts nothing is heard, and hears, like any: of two others it settles who is dead.
TEST(NodeHost, AServerWithoutInstancesObserves) {
    Fixture fixture(1);
    put_servers(fixture);
    const auto beat = fixture.host.take_heartbeat();
    ASSERT_TRUE(beat);
    std::vector<uint16_t> heard;
    for (const auto& each : beat->heard) heard.push_back(each.node.value);
    EXPECT_EQ(heard, (std::vector<uint16_t>{2, 3}));
}

// Two B2Bs elsewhere, 8 and 9, of which one tells in heartbeats how much it has.
TEST(NodeHost, NewCallsGoToTheB2bThatHasLess) {
    Fixture fixture(1);
    for (const uint16_t number : {8, 9}) {
        model::RoleInstance role;
        role.id = RoleInstanceId{{1, number}};
        role.server = ServerId{{1, static_cast<uint64_t>(number - 6)}};
        role.number = number;
        role.node = number - 6;
        role.role = model::RoleCode::B2b;
        cluster::FenceRecord open;
        open.epoch = 1;
        open.home = {{{static_cast<uint16_t>(number - 6)}, 0}, 1};
        const store::Put puts[] = {
            {store::keys::role_instance(role.id), model::encode_stored(role, {})},
            {store::keys::fence(number), cluster::to_text(open)}};
        fixture.memory.apply(fixture.now.mono, {1, store::Txn{{}, {puts[0], puts[1]}, {}}},
                             fixture.ignored);
    }
    put_servers(fixture);
    const ports::Directory& directory = fixture.host.directory();
    std::vector<ports::Instance> before;
    for (uint64_t key = 0; key < 1000; ++key) {
        const auto chosen = directory.pick(ports::RoleKind::B2bua, key);
        ASSERT_TRUE(chosen);
        before.push_back(*chosen);
    }
    const auto beat = [&](uint16_t node, uint64_t sequence, uint16_t permille) {
        const cluster::InstanceNumber who{static_cast<uint16_t>(node + 6)};
        fixture.host.on_heartbeat(
            fixture.now, {{node}, sequence, {{1, sequence}, {1, sequence}}, {}, {{who, permille}}});
    };
    const auto counts = [&] {
        std::map<uint16_t, int> count;
        for (uint64_t key = 0; key < 1000; ++key)
            ++count[directory.pick(ports::RoleKind::B2bua, key)->number];
        return count;
    };
    EXPECT_NEAR(counts()[8], 500, 60);
    beat(2, 1, 400);
    beat(3, 1, 100);
    fixture.advance(cluster::load_look_interval);
    EXPECT_NEAR(counts()[8], 500, 60) << "less than half of what it can take";
    beat(2, 2, 900);
    beat(3, 2, 100);
    fixture.advance(cluster::load_look_interval);
    auto now = counts();
    EXPECT_NEAR(now[8], 91, 30) << "10 against 100";
    // What is under way at 8 is found by whoever knows the choice before.
    for (uint64_t key = 0; key < 1000; ++key) {
        EXPECT_EQ(directory.pick_previous(ports::RoleKind::B2bua, key), before[key]);
        if (before[key].number == 9) {
            EXPECT_EQ(directory.pick(ports::RoleKind::B2bua, key), before[key]);
        }
    }
    // And is so for as long as a call may ring, whatever the loads are.
    beat(2, 3, 0);
    fixture.advance(cluster::load_look_interval);
    EXPECT_EQ(counts(), now);
    EXPECT_EQ(directory.pick_previous(ports::RoleKind::B2bua, 1), before[1]);
}

// Takes letters, and drains for as long as it is told to.
struct SlowRole final : ports::Role {
    struct Life {
        int made = 0;
        bool is_idle = false;
        std::vector<int> letters;  // of which life, for each
    };
    explicit SlowRole(Life& of) : life(of), number(++of.made) {}
    ports::RoleKind kind() const override { return ports::RoleKind::Registrar; }
    void start(Now, ports::Outbox&) override {}
    void on_letter(Now, ports::Letter letter, ports::Outbox&) override {
        if (holds_alternative<ports::SipInbound>(letter.payload)) life.letters.push_back(number);
    }
    void on_timeout(Now, ports::Outbox&) override {}
    std::optional<Instant> next_deadline() const override { return std::nullopt; }
    void drain(Now, ports::Outbox&) override {}
    bool is_idle() const override { return life.is_idle; }

    Life& life;
    int number;
};
struct SlowRoles final : RoleFactory {
    std::unique_ptr<ports::Role> make(ports::RoleKind, const ports::Surroundings&) override {
        return std::make_unique<SlowRole>(life);
    }
    SlowRole::Life life;
};

// It is switched off and, while it drains, on again: what comes is for its next life.
TEST(NodeHost, RegistersWaitForARegistrarThatReturns) {
    SlowRoles roles;
    Fixture fixture(0, roles);
    model::RoleInstance role;
    role.id = RoleInstanceId{{1, 5}};
    role.number = 5;
    role.node = 1;
    role.role = model::RoleCode::Sr;
    const auto put = [&](bool enabled) {
        role.enabled = enabled;
        fixture.put(store::keys::role_instance(role.id), model::encode_stored(role, {}));
    };
    const auto invite = [&] {
        fixture.host.deliver({ports::Instance{6}, ports::Instance{5}, 0, ports::SipInbound{}});
        fixture.run();
        return roles.life.letters;
    };
    put(true);
    ASSERT_EQ(invite(), (std::vector<int>{1}));
    put(false);
    EXPECT_EQ(invite(), (std::vector<int>{1, 1})) << "it says by itself what it takes no more";
    put(true);
    EXPECT_EQ(invite(), (std::vector<int>{1, 1})) << "waits";
    roles.life.is_idle = true;
    fixture.run();
    EXPECT_EQ(roles.life.letters, (std::vector<int>{1, 1, 2}));
}

// Watches 1 and 2, of which it gives up 1; and watches anew, by 3, what it has lost.
struct Watcher final : ports::Role {
    explicit Watcher(std::vector<store::WatchId>& of) : lost(of) {}
    ports::RoleKind kind() const override { return ports::RoleKind::WebGate; }
    void ask(store::RequestBody body, ports::Outbox& out) {
        out.send({ports::Instance{5}, ports::kKeyValue, ++asked, store::Request{asked, body}});
    }
    void watch(store::WatchId id, ports::Outbox& out) {
        ask(store::WatchCreate{id, store::KeyRange::prefix("/x/"), {}}, out);
    }
    void start(Now, ports::Outbox& out) override {
        watch(1, out);
        watch(2, out);
        ask(store::WatchCancel{1}, out);
    }
    void on_letter(Now, ports::Letter letter, ports::Outbox& out) override {
        const auto* batch = get_if<store::WatchBatch>(&letter.payload);
        if (batch == nullptr) return;
        EXPECT_EQ(letter.from, ports::kKeyValue);
        EXPECT_EQ(batch->kind, store::WatchBatch::Kind::Compacted);
        lost.push_back(batch->watch);
        if (batch->watch == 2) watch(3, out);
    }
    void on_timeout(Now, ports::Outbox&) override {}
    std::optional<Instant> next_deadline() const override { return std::nullopt; }
    void drain(Now, ports::Outbox&) override {}
    bool is_idle() const override { return true; }

    std::vector<store::WatchId>& lost;
    uint64_t asked = 0;
};
struct Watchers final : RoleFactory {
    std::unique_ptr<ports::Role> make(ports::RoleKind, const ports::Surroundings&) override {
        return std::make_unique<Watcher>(lost);
    }
    std::vector<store::WatchId> lost;
};

TEST(NodeHost, WhoWatchesTheStoreReadsAgainWhenItsNodeWasAway) {
    Watchers roles;
    Fixture fixture(0, roles);
    model::RoleInstance role;
    role.id = RoleInstanceId{{1, 5}};
    role.number = 5;
    role.node = 1;
    role.role = model::RoleCode::Ws;
    fixture.put(store::keys::role_instance(role.id), model::encode_stored(role, {}));
    ASSERT_NE(fixture.host.find(ports::Instance{5}), nullptr);
    fixture.host.on_store_returned(fixture.now);
    fixture.run();
    EXPECT_EQ(roles.lost, (std::vector<store::WatchId>{2})) << "the other one was given up";
    fixture.host.on_store_returned(fixture.now);
    fixture.run();
    EXPECT_EQ(roles.lost, (std::vector<store::WatchId>{2, 3}));
    fixture.host.on_store_returned(fixture.now);
    fixture.run();
    EXPECT_EQ(roles.lost.size(), 2u) << "it has not watched again";
    // What the store itself has ended is told once.
    fixture.host.deliver({ports::kKeyValue, ports::Instance{5}, 0,
                          store::WatchBatch{2, store::WatchBatch::Kind::Compacted, {}, {}}});
    fixture.host.deliver({ports::kKeyValue, ports::Instance{5}, 0,
                          store::WatchBatch{3, store::WatchBatch::Kind::Compacted, {}, {}}});
    fixture.run();
    fixture.host.on_store_returned(fixture.now);
    fixture.run();
    EXPECT_EQ(roles.lost, (std::vector<store::WatchId>{2, 3, 2, 3}));
}

// A run that was declared dead wakes and makes its links again before it knows.
TEST(NodeHost, NothingIsTakenFromADeadRun) {
    Fixture fixture(1);
    put_servers(fixture);
    const ports::Letter letter{ports::Instance{7}, fixture.host.self(), 0, ports::MediaLoad{}};
    EXPECT_TRUE(fixture.host.admits(letter, 2));
    fixture.host.on_process_ended(fixture.now, 2);
    EXPECT_FALSE(fixture.host.admits(letter, 2));
    fixture.host.set_reachable_nodes(fixture.now, {{1, {1, 1}, {}}, {2, {1, 1}, {}}});
    EXPECT_FALSE(fixture.host.admits(letter, 2)) << "its links are back, it is the same run";
    fixture.host.set_reachable_nodes(fixture.now, {{1, {1, 1}, {}}, {2, {2, 2}, {}}});
    EXPECT_TRUE(fixture.host.admits(letter, 2));
}

TEST(NodeHost, ADrillIsRefusedWhereNobodyHasAllowedIt) {
    Fixture fixture(0);
    const auto asked_for_harm = [&] {
        fixture.left.clear();
        fixture.host.deliver({ports::host_of(2), fixture.host.self(), 5, ports::HarmRequest{}});
        fixture.run();
        EXPECT_EQ(fixture.left.size(), 1u);
        return fixture.left.empty() ? ports::HarmReply{}
                                    : get<ports::HarmReply>(fixture.left[0].payload);
    };
    fixture.host.set_reachable_nodes(fixture.now, {{2, {1, 1}, {}}});
    const ports::HarmReply refused = asked_for_harm();
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->code, ErrorCode::Forbidden);
    int harmed = 0;
    fixture.host.set_harm([&](const ports::HarmRequest&) {
        ++harmed;
        return ports::HarmReply{{}, 20};
    });
    EXPECT_FALSE(asked_for_harm().error);
    EXPECT_EQ(harmed, 1);
}

TEST(LetterRouter, AnswersOfTheStoreGoWhereTheQuestionCameFrom) {
    Fixture fixture(0);
    LetterRouter router(1, fixture.host);
    const ports::Instance asker{7};
    const ports::Letter answer{ports::kKeyValue, asker, 5, store::Reply{}};
    EXPECT_EQ(router.way_of(answer).to, Way::To::Host);
    router.note_asker(3, {asker, ports::kKeyValue, 5, store::Request{}});
    EXPECT_EQ(router.way_of(answer).to, Way::To::Node);
    EXPECT_EQ(router.way_of(answer).node, 3);
    EXPECT_EQ(router.way_of({asker, ports::kHttp, 0, ports::Unreachable{}}).to, Way::To::Http);
    EXPECT_EQ(router.way_of({asker, ports::host_of(4), 0, {}}).node, 4);
    EXPECT_EQ(router.way_of({asker, ports::host_of(1, 1), 0, {}}).to, Way::To::Media);
    EXPECT_EQ(router.way_of({asker, ports::host_of(1), 0, {}}).to, Way::To::Host);
}

ports::EntityReply events_of(Fixture& fixture, std::string since) {
    ports::EntityRequest request;
    request.verb = ports::EntityVerb::List;
    request.kind = "event";
    request.after = std::move(since);
    fixture.host.set_reachable_nodes(fixture.now, {{2, {1, 1}, {}}});
    fixture.left.clear();
    fixture.host.deliver({ports::host_of(2), fixture.host.self(), 5, std::move(request)});
    fixture.run();
    for (const ports::Letter& letter : fixture.left)
        if (const auto* reply = get_if<ports::EntityReply>(&letter.payload)) return *reply;
    ADD_FAILURE() << "no answer";
    return {};
}

TEST(NodeHost, EventsGoToTheJournalAndAreKeptForWhoAsks) {
    Fixture fixture(0);
    fixture.left.clear();
    fixture.host.tell(fixture.now, {EventKind::Reachable, 0, "node 2 is reachable"});
    fixture.host.deliver({ports::kKeyValue, fixture.host.self(), 0,
                          ports::LogLine{ports::LogLine::Level::Warn, "it has moved", {}, {}}});
    fixture.run();
    std::vector<std::string> journal;
    for (const ports::Letter& letter : fixture.left) {
        const auto* line = get_if<ports::LogLine>(&letter.payload);
        if (line != nullptr && letter.to == ports::kJournal) journal.push_back(line->text);
    }
    EXPECT_EQ(journal, (std::vector<std::string>{"node 2 is reachable", "it has moved"}));
    const std::string first =
        R"({"id":1800000000000004,"time":"2027-01-15T08:00:00.000Z","kind":"reachable","node":1,)"
        R"("shard":0,"instance":null,"text":"node 2 is reachable"})";
    const std::string second =
        R"({"id":1800000000000104,"time":"2027-01-15T08:00:00.000Z","kind":"store","node":1,)"
        R"("shard":0,"instance":null,"text":"it has moved"})";
    EXPECT_EQ(events_of(fixture, "").json, R"({"items":[)" + first + "," + second + "]}");
    EXPECT_EQ(events_of(fixture, "1800000000000004").json, R"({"items":[)" + second + "]}");
    EXPECT_EQ(events_of(fixture, "1800000000000104").json, R"({"items":[]})");
    EXPECT_EQ(events_of(fixture, "x").error->field, "since");
}

TEST(NodeHost, KeepsNoMoreEventsThanItsBound) {
    EventLog log(1, 0);
    for (size_t i = 0; i <= events_kept_max; ++i)
        log.add(UtcTime{1}, {EventKind::Started, 3, "started " + std::to_string(i)});
    const std::string all = log.json_since(0);
    EXPECT_EQ(all.find("started 0\""), std::string::npos);
    EXPECT_NE(all.find("\"id\":1104,"), std::string::npos) << "the second is the first one left";
    EXPECT_NE(all.find("started " + std::to_string(events_kept_max)), std::string::npos);
}

// Whoever follows them goes on from an id, and what else has it would be passed over.
TEST(NodeHost, ShardsNeverGiveOneIdToTwoEvents) {
    EventLog of_node(1, 0);
    EventLog of_media(1, 1);
    for (EventLog* log : {&of_node, &of_media})
        log->add(UtcTime{1}, {EventKind::Started, 3, "started"});
    EXPECT_NE(of_node.json_since(0).find("\"id\":1004,"), std::string::npos);
    EXPECT_NE(of_media.json_since(0).find("\"id\":1005,"), std::string::npos);
}

}  // namespace
}  // namespace tandem::roles::host
