// Several groups of registrars over one store, with two copies each. Trees of domains change hands,
// posts too, and what everybody knows of it comes late and in any order.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include "model/secret.h"
#include "ports/store_askers.h"
#include "roles/registrar/registrar.h"
#include "sip/digest.h"
#include "sip/parser.h"
#include "store/catalog.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::registrar {
namespace {

using ports::RoleKind;
using sip::HeaderId;

constexpr ports::Instance kGate{1}, kAsker{2};
constexpr SealKey kSeal{1, 2, 3};
constexpr store::RequestId kOwnRequest = uint64_t{1} << 60;  // never of an asker
constexpr size_t kTrees = 4;
constexpr size_t kDomains = 2 * kTrees;  // a root and one below it each

DomainId domain_id(size_t n) {
    return {{7, n + 1}};
}
AccountId account_id(size_t n) {
    return {{8, n + 1}};
}
std::string domain_name(size_t n) {
    return "d" + std::to_string(n) + ".test";
}

// The layers as of one change: who is there, and which tree goes where.
struct Layers {
    std::set<int> groups{1};
    std::map<size_t, int> assigned;  // tree: group
    store::Revision revision;
};

struct Node {
    Node(uint16_t number, int group) : self{number}, group(group) {}

    ports::Instance self;
    int group;
    size_t layers = 0;  // that it knows
    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{3};
    ports::Surroundings around{self, directory, catalog, tokens, rng};
    std::unique_ptr<Registrar> role;
    ports::Outbox out;
    std::map<int, uint16_t> actives;     // as it knows them
    std::deque<ports::Letter> to_store;  // each way keeps its order
    std::deque<ports::Letter> inbox;     // from others
    std::deque<ports::Letter> from_store;
};

struct Phone {
    size_t domain = 0;
    std::string nonce;
    uint32_t nonce_count = 0;
    uint32_t cseq = 0;
    bool is_waiting = false;
    std::string contact;                 // asked for
    std::set<std::string> acknowledged;  // contacts
    int refused = 0;
};

struct Rig {
    explicit Rig(uint64_t seed) : chance(seed) {
        history.push_back({});
        for (const auto& [number, group] :
             std::map<uint16_t, int>{{11, 1}, {12, 1}, {21, 2}, {22, 2}})
            nodes.push_back(std::make_unique<Node>(number, group));
        for (size_t n = 0; n < kDomains; ++n) phones.push_back({.domain = n});
        apply({kOwnRequest, store::Txn{{}, {store::Put{"/l/begin", "", 0}}, {}}});
        history.back().revision = store.revision();
        for (auto& node : nodes) {
            learn_layers(*node, 0);
            RegistrarOptions options;
            options.credentials_key = kSeal;
            options.nonce_key = Bytes(32, 9);
            node->role = std::make_unique<Registrar>(node->around, std::move(options));
            node->role->start(now, node->out);
        }
        elect(1, 11);
        settle();
    }

    // ---- what is known

    store::Catalog catalog_of(const Layers& layers) {
        store::CatalogFeed feed;
        const auto load = [&](std::string key, const auto& value) {
            feed.load({std::move(key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
        };
        for (const auto& node : nodes) {
            model::RoleInstance role;
            role.id = {{9, node->self.number}};
            role.role = model::RoleCode::Sr;
            role.number = node->self.number;
            role.group = node->group;
            role.enabled = layers.groups.contains(node->group);
            load(store::keys::role_instance(role.id), role);
        }
        for (size_t n = 0; n < kDomains; ++n) {
            model::Domain domain;
            domain.id = domain_id(n);
            domain.name = domain_name(n);
            domain.realm = domain.name;
            domain.settings.contacts_max = 100;
            if (n >= kTrees) domain.parent = domain_id(n - kTrees);
            load(store::keys::domain(domain.id), domain);
            model::Account account;
            account.id = account_id(n);
            account.domain = domain.id;
            account.login = "alice";
            account.credentials = model::seal_ha1(
                model::compute_ha1("alice", domain.realm, "secret"), kSeal, seal_rng);
            load(store::keys::account(domain.id, account.id), account);
        }
        for (const auto& [tree, group] : layers.assigned) {
            model::DomainGroup assigned;
            assigned.id = {{10, tree + 1}};
            assigned.root = domain_id(tree);
            assigned.sr = group;
            load(store::keys::domain_group(assigned.id), assigned);
        }
        feed.set_revision(layers.revision);
        return feed.snapshot();
    }
    void learn_layers(Node& node, size_t index) {
        node.layers = index;
        node.catalog = catalog_of(history[index]);
        node.directory.set_groups(ports::domain_groups_of(node.catalog));
        show(node);
        if (!node.role) return;
        node.role->on_catalog(now, node.out);
        node.role->on_directory(now, node.out);
    }
    void show(Node& node) {
        std::vector<ports::DirectoryEntry> entries;
        for (const auto& each : nodes) {
            entries.push_back({each->self, RoleKind::Registrar});
            entries.back().group = each->group;
            const auto active = node.actives.find(each->group);
            entries.back().is_active =
                active != node.actives.end() && active->second == each->self.number;
        }
        entries.push_back({kGate, RoleKind::SipGate});
        node.directory.replace(std::move(entries));
    }
    void learn_active(Node& node, int group) {
        if (node.actives[group] == leaders[group]) return;
        node.actives[group] = leaders[group];
        show(node);
        node.role->on_directory(now, node.out);
    }
    // The others hear of it later.
    void elect(int group, uint16_t number) {
        leaders[group] = number;
        const std::string key = "leader/sr-" + std::to_string(group);
        apply({kOwnRequest, store::Txn{{}, {store::Put{key, std::to_string(number), 0}}, {}}});
        for (auto& node : nodes) {
            if (node->self.number != number) continue;
            node->actives[group] = number;
            show(*node);
            node->role->on_elected(now, {store::Compare::value_is(key, std::to_string(number))},
                                   node->out);
        }
    }
    void change_layers(Layers layers) {
        apply({kOwnRequest, store::Txn{{}, {store::Put{"/l/change", "", 0}}, {}}});
        layers.revision = store.revision();
        history.push_back(std::move(layers));
    }

    // ---- letters

    void apply(const store::Request& request) {
        store::Outbox box;
        store.apply(now.mono, request, box);
        for (store::Reply& reply : box.replies) tell(askers.answer(std::move(reply)));
        for (store::WatchBatch& batch : box.watches) tell(askers.tell(std::move(batch)));
    }
    void tell(std::optional<ports::Letter> letter) {
        if (!letter) return;
        for (auto& node : nodes) {
            if (node->self == letter->to) return node->from_store.push_back(std::move(*letter));
        }
    }
    void collect(Node& node) {
        for (ports::Letter& letter : node.out.take()) {
            if (letter.to == ports::kKeyValue) {
                node.to_store.push_back(std::move(letter));
            } else if (auto* answer = get_if<ports::SipOutbound>(&letter.payload)) {
                on_answer(std::move(answer->message));
            } else if (const auto* reply = get_if<ports::BindingsReply>(&letter.payload)) {
                found = *reply;
            } else {
                const auto to = std::ranges::find_if(
                    nodes, [&](const auto& each) { return each->self == letter.to; });
                if (to != nodes.end()) (*to)->inbox.push_back(std::move(letter));
            }
        }
    }
    bool move_one(std::deque<ports::Letter>& queue, Node& node) {
        if (queue.empty()) return false;
        ports::Letter letter = std::move(queue.front());
        queue.pop_front();
        if (&queue == &node.to_store) {
            std::vector<store::Request> requests;
            askers.take(std::move(letter), requests);
            for (const store::Request& request : requests) apply(request);
        } else {
            node.role->on_letter(now, std::move(letter), node.out);
        }
        collect(node);
        return true;
    }
    void pass_time(Duration by) {
        now.mono = now.mono + by;
        now.utc.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(by).count();
        for (auto& node : nodes) {
            const auto deadline = node->role->next_deadline();
            if (deadline && *deadline <= now.mono) node->role->on_timeout(now, node->out);
            collect(*node);
        }
    }
    void step() {
        Node& node = *nodes[chance.below(nodes.size())];
        std::deque<ports::Letter>* const queues[] = {&node.to_store, &node.inbox, &node.from_store};
        collect(node);
        move_one(*queues[chance.below(3)], node);
        if (chance.below(4) == 0) pass_time(1ms);
    }
    // Everybody has heard everything.
    void settle() {
        for (auto& node : nodes) {
            for (const auto& [group, leader] : leaders) learn_active(*node, group);
            if (node->layers + 1 < history.size()) learn_layers(*node, history.size() - 1);
        }
        for (int quiet = 0; quiet < 3;) {
            bool moved = false;
            for (auto& node : nodes) {
                collect(*node);
                for (auto* queue : {&node->to_store, &node->inbox, &node->from_store})
                    while (move_one(*queue, *node)) moved = true;
            }
            if (moved) continue;
            ++quiet;
            pass_time(300ms);
        }
    }

    // ---- phones

    void send(Phone& phone) {
        if (phone.contact.empty())
            phone.contact = "sip:alice@192.0.2.9:" + std::to_string(5000 + ++contacts);
        ++phone.cseq;
        const std::string name = domain_name(phone.domain);
        std::string text =
            "REGISTER sip:" + name + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-" +
            std::to_string(++branches) + "\r\nFrom: <sip:alice@" + name +
            ">;tag=1\r\nTo: <sip:alice@" + name + ">\r\nCall-ID: phone-" +
            std::to_string(phone.domain) + "\r\nCSeq: " + std::to_string(phone.cseq) +
            " REGISTER\r\nContact: <" + phone.contact + ">\r\n";
        if (!phone.nonce.empty()) {
            sip::DigestChallenge challenge;
            challenge.realm = name;
            challenge.nonce = phone.nonce;
            challenge.algorithm = sip::DigestAlgorithm::Md5;
            text +=
                "Authorization: " +
                sip::answer_challenge(challenge, {"alice", "secret"},
                                      {"REGISTER", "sip:" + name, "c0ffee", ++phone.nonce_count}) +
                "\r\n";
        }
        ports::SipInbound in;
        in.flow = {kGate, ports::Transport::Udp, 1, 0, *SocketAddress::parse("192.0.2.9:5060")};
        in.message = *sip::parse_message(text + "Content-Length: 0\r\n\r\n");
        phone.is_waiting = true;
        deliver(phone.domain, {kGate, {}, 0, std::move(in)});
    }
    // As a gate on the node of any of them sees it.
    void deliver(size_t domain, ports::Letter letter) {
        const ports::Directory& seen = nodes[chance.below(nodes.size())]->directory;
        auto to = seen.active(RoleKind::Registrar, domain_id(domain));
        if (!to) to = nodes.front()->self;
        letter.to = *to;
        for (auto& node : nodes) {
            if (node->self == *to) return node->inbox.push_back(std::move(letter));
        }
    }
    void on_answer(const sip::Message& answer) {
        const std::string id(answer.call_id());
        Phone& phone = phones.at(std::stoul(id.substr(6)));
        const bool is_this = phone.is_waiting && answer.cseq()->number == phone.cseq;
        if (!is_this) return;
        phone.is_waiting = false;
        if (answer.status() == 401) {
            const auto value = sip::AuthValue::parse(*answer.header(HeaderId::WwwAuthenticate));
            phone.nonce = sip::DigestChallenge::parse(*value)->nonce;
            phone.nonce_count = 0;
        } else if (answer.status() == 200) {
            phone.acknowledged.insert(std::exchange(phone.contact, {}));
        } else {
            ++phone.refused;
        }
    }
    void check_all() {
        for (Phone& phone : phones) {
            found.reset();
            deliver(phone.domain,
                    {kAsker,
                     {},
                     5,
                     ports::BindingsQuery{domain_id(phone.domain), account_id(phone.domain)}});
            settle();
            ASSERT_TRUE(found) << "nobody answers for " << domain_name(phone.domain);
            std::set<std::string> there;
            for (const ports::Binding& each : found->bindings) there.insert(each.contact);
            for (const std::string& contact : phone.acknowledged)
                EXPECT_TRUE(there.contains(contact))
                    << contact << " of " << domain_name(phone.domain) << " is lost";
        }
    }
    int refused() const {
        int count = 0;
        for (const Phone& phone : phones) count += phone.refused;
        return count;
    }

    Now now{{1000s}, {1'790'000'000'000}};
    SeededRng chance;
    SeededRng seal_rng{5};
    store::MemoryStore store;
    ports::StoreAskers askers;
    std::vector<std::unique_ptr<Node>> nodes;
    std::vector<Layers> history;
    std::map<int, uint16_t> leaders;
    std::vector<Phone> phones;
    std::optional<ports::BindingsReply> found;
    int contacts = 0;
    int branches = 0;
};

void register_all(Rig& rig) {
    for (int tries = 0; tries < 3; ++tries) {
        for (Phone& phone : rig.phones) {
            if (phone.acknowledged.empty() && !phone.is_waiting) rig.send(phone);
        }
        rig.settle();
    }
    for (const Phone& phone : rig.phones) ASSERT_EQ(phone.acknowledged.size(), 1u);
}

TEST(RegistrarSharing, ASecondGroupTakesItsDomainsWithAllThatIsRegistered) {
    Rig rig(1);
    register_all(rig);
    rig.change_layers({{1, 2}, {{0, 1}, {1, 2}, {2, 1}, {3, 2}}, {}});
    rig.settle();
    rig.elect(2, 21);
    rig.settle();
    rig.check_all();
    EXPECT_EQ(rig.nodes[0]->role->book().size(), 4u);
    EXPECT_EQ(rig.nodes[1]->role->book().size(), 4u) << "the passive copy keeps the same";
    EXPECT_EQ(rig.nodes[2]->role->book().size(), 4u);
    EXPECT_EQ(rig.nodes[3]->role->book().size(), 4u);
}

TEST(RegistrarSharing, AnAssignmentThatChangesTakesBindingsWithIt) {
    Rig rig(2);
    rig.change_layers({{1, 2}, {{0, 1}, {1, 1}, {2, 1}, {3, 2}}, {}});
    rig.settle();
    rig.elect(2, 21);
    rig.settle();
    register_all(rig);
    rig.change_layers({{1, 2}, {{0, 2}, {1, 1}, {2, 1}, {3, 2}}, {}});
    rig.settle();
    EXPECT_EQ(rig.nodes[2]->role->book().size(), 4u);
    rig.check_all();
    rig.change_layers({{1}, {}, {}});  // the second group goes
    rig.settle();
    EXPECT_EQ(rig.nodes[0]->role->book().size(), 8u);
    rig.check_all();
    EXPECT_EQ(rig.refused(), 0);
}

// What the former one, which knows of nothing yet, would write afterwards does not get through, and
// is done by the new one instead.
TEST(RegistrarSharing, WhoLagsBehindWritesNothingForWhatItHasLost) {
    Rig rig(3);
    rig.change_layers({{1, 2}, {{0, 1}, {1, 1}, {2, 1}, {3, 2}}, {}});
    rig.settle();
    rig.elect(2, 21);
    rig.settle();
    register_all(rig);
    rig.change_layers({{1, 2}, {{0, 2}, {1, 1}, {2, 1}, {3, 2}}, {}});
    Node& former = *rig.nodes[0];
    Node& next = *rig.nodes[2];
    rig.learn_layers(next, rig.history.size() - 1);
    // Only the new one's letters move.
    const auto move = [&](Node& node) {
        rig.collect(node);
        for (auto* queue : {&node.to_store, &node.inbox, &node.from_store})
            while (rig.move_one(*queue, node)) {
            }
    };
    for (int i = 0; i < 5; ++i) move(next);
    EXPECT_EQ(next.role->book().size(), 4u);
    Phone& phone = rig.phones[0];
    rig.send(phone);
    for (auto& node : rig.nodes) {  // wherever it was sent: to the former one
        for (ports::Letter& letter : std::exchange(node->inbox, {}))
            former.inbox.push_back(std::move(letter));
    }
    const auto news = std::exchange(former.from_store, {});
    for (int i = 0; i < 3; ++i) move(former);  // it is refused by the store
    EXPECT_TRUE(phone.is_waiting);
    for (const ports::Letter& letter : news) former.from_store.push_back(letter);
    rig.settle();
    // It was passed on to the new one, who asks for a proof with a nonce of its own.
    EXPECT_FALSE(phone.is_waiting);
    EXPECT_EQ(phone.acknowledged.size(), 1u);
    rig.send(phone);
    rig.settle();
    EXPECT_EQ(phone.acknowledged.size(), 2u);
    EXPECT_EQ(rig.refused(), 0);
    rig.check_all();
}

// Trees and posts change hands by chance, while phones register.
void run_by_chance(uint64_t seed, bool with_elections) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rig rig(seed);
    rig.elect(2, 21);
    rig.settle();
    for (int round = 0; round < 300; ++round) {
        const uint64_t what = rig.chance.below(40);
        if (what == 0) {
            Layers layers;
            if (rig.chance.below(4) != 0) layers.groups.insert(2);
            for (size_t tree = 0; tree < kTrees; ++tree) {
                const uint64_t group = rig.chance.below(3);
                if (group > 0) layers.assigned[tree] = static_cast<int>(group);
            }
            rig.change_layers(std::move(layers));
        }
        if (what == 1 && with_elections) {
            const int group = 1 + static_cast<int>(rig.chance.below(2));
            const bool is_first = rig.leaders[group] % 10 == 1;
            rig.elect(group, static_cast<uint16_t>(group * 10 + (is_first ? 2 : 1)));
        }
        for (auto& node : rig.nodes) {
            if (rig.chance.below(10) == 0 && node->layers + 1 < rig.history.size())
                rig.learn_layers(*node, node->layers + 1);
            if (rig.chance.below(10) == 0)
                rig.learn_active(*node, 1 + static_cast<int>(rig.chance.below(2)));
        }
        Phone& phone = rig.phones[rig.chance.below(rig.phones.size())];
        if (!phone.is_waiting) rig.send(phone);
        for (uint64_t i = rig.chance.below(40); i > 0; --i) rig.step();
    }
    rig.settle();
    rig.check_all();
    size_t acknowledged = 0;
    for (const Phone& phone : rig.phones) acknowledged += phone.acknowledged.size();
    EXPECT_GT(acknowledged, 20u);
}

uint64_t seeds() {
    const char* text = std::getenv("TANDEM_SHARING_SEEDS");
    return text == nullptr ? 60 : std::strtoull(text, nullptr, 10);
}

TEST(RegistrarSharing, NothingAcknowledgedIsLostWhenTreesChangeHands) {
    for (uint64_t seed = 1; seed <= seeds() && !testing::Test::HasFailure(); ++seed)
        run_by_chance(seed, false);
}

TEST(RegistrarSharing, NothingAcknowledgedIsLostWhenPostsChangeHandsAsWell) {
    for (uint64_t seed = 1; seed <= seeds() && !testing::Test::HasFailure(); ++seed)
        run_by_chance(seed + 1'000'000, true);
}

}  // namespace
}  // namespace tandem::roles::registrar
