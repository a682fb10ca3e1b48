#include "roles/registrar/registrar.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "model/secret.h"
#include "sip/digest.h"
#include "sip/parser.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::registrar {
namespace {

using ports::RoleKind;
using ports::Transport;
using sip::HeaderId;

constexpr ports::Instance kSelf{4}, kGate{1};
constexpr Bits128 kDomain{1, 1}, kAlice{2, 2};

// A store of one map: answers the registrar's requests at once, or when asked to.
struct TinyStore {
    std::map<std::string, std::string> data;
    int64_t revision = 1;
    size_t transactions = 0;
    std::vector<store::Request> held;
    bool hold = false;

    static bool fulfilled(const store::Compare& compare,
                          const std::map<std::string, std::string>& data) {
        const auto found = data.find(compare.key);
        store::KeyValue current;
        if (found != data.end()) current.value = found->second;
        return store::holds(compare, found == data.end() ? nullptr : &current);
    }
    store::Reply answer(const store::Request& request) {
        if (const auto* range = std::get_if<store::RangeRequest>(&request.body)) {
            store::RangeReply reply;
            for (const auto& [key, value] : data) {
                if (range->range.contains(key)) reply.items.push_back({key, value, {}, {}, 0});
            }
            reply.count = reply.items.size();
            reply.revision = {1, revision};
            return {request.id, store::ReplyBody(reply)};
        }
        if (const auto* txn = std::get_if<store::Txn>(&request.body))
            return apply(request.id, *txn);
        return {request.id, store::ReplyBody(store::DoneReply{})};
    }
    store::Reply apply(store::RequestId id, const store::Txn& txn) {
        store::TxnReply reply;
        reply.succeeded = true;
        for (const auto& compare : txn.compares) {
            reply.succeeded = reply.succeeded && fulfilled(compare, data);
        }
        ++transactions;
        for (const store::Op& op : reply.succeeded ? txn.then_ops : txn.else_ops) {
            if (const auto* put = std::get_if<store::Put>(&op)) data[put->key] = put->value;
            if (const auto* del = std::get_if<store::Delete>(&op)) data.erase(del->key);
            if (const auto* get = std::get_if<store::Get>(&op)) {
                const store::Reply read = answer({0, get->range});
                reply.ops.emplace_back(std::get<store::RangeReply>(*read.body));
            } else {
                reply.ops.emplace_back(store::PutReply{});
            }
        }
        reply.revision = {1, ++revision};
        return {id, store::ReplyBody(reply)};
    }
};

struct RegistrarTest : testing::Test {
    RegistrarTest() {
        model::Domain domain;
        domain.id = {kDomain};
        domain.name = "acme.test";
        domain.realm = "acme.test";
        domain.settings.contacts_max = 3;
        domain.settings.digest_algorithms = {model::DigestAlgorithm::Sha256,
                                             model::DigestAlgorithm::Md5};
        load(store::keys::domain(domain.id), domain);
        model::Account alice;
        alice.id = {kAlice};
        alice.domain = domain.id;
        alice.login = "alice";
        alice.number = "1001";
        alice.credentials =
            model::seal_ha1(model::compute_ha1("alice", "acme.test", "secret"), key, rng);
        load(store::keys::account(domain.id, alice.id), alice);
        catalog = feed.snapshot();
        directory.replace({{kSelf, RoleKind::Registrar}, {kGate, RoleKind::SipGate}});
        restart();
    }

    template <typename T>
    void load(std::string store_key, const T& value) {
        feed.load({std::move(store_key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
    }
    void restart() {
        RegistrarOptions options;
        options.credentials_key = key;
        options.nonce_key = Bytes(32, 9);
        registrar = std::make_unique<Registrar>(around, std::move(options));
        ports::Outbox out;
        registrar->start(now, out);
        settle(out);
    }
    // Lets the store answer until nothing more is asked; keeps what is for others.
    void settle(ports::Outbox& out) {
        while (!out.empty()) {
            for (ports::Letter& letter : out.take()) {
                auto* request = get_if<store::Request>(&letter.payload);
                if (!request) {
                    sent.push_back(std::move(letter));
                } else if (store.hold) {
                    store.held.push_back(std::move(*request));
                } else {
                    registrar->on_letter(
                        now, {ports::kKeyValue, kSelf, letter.request, store.answer(*request)},
                        out);
                }
            }
        }
    }
    void release() {
        store.hold = false;
        ports::Outbox out;
        for (const store::Request& request : std::exchange(store.held, {})) {
            registrar->on_letter(now, {ports::kKeyValue, kSelf, 0, store.answer(request)}, out);
        }
        settle(out);
    }
    void deliver(ports::Payload payload) {
        ports::Outbox out;
        registrar->on_letter(now, {kGate, kSelf, 7, std::move(payload)}, out);
        settle(out);
    }
    void wait(Duration duration) {
        now.mono = now.mono + duration;
        now.utc.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
        ports::Outbox out;
        for (int i = 0; i < 100 && registrar->next_deadline() <= now.mono; ++i) {
            if (!registrar->next_deadline()) break;
            registrar->on_timeout(now, out);
            settle(out);
        }
    }

    // ---- a phone
    struct Phone {
        std::string user = "alice";
        std::string password = "secret";
        std::string call_id = "phone-1";
        uint32_t cseq = 0;
        std::string nonce;
        uint32_t nonce_count = 0;
        std::string source = "192.0.2.9:5060";
        Transport transport = Transport::Udp;
        uint64_t connection = 0;
        sip::DigestAlgorithm algorithm = sip::DigestAlgorithm::Md5;
    };
    ports::SipInbound inbound(const Phone& phone, const std::string& headers,
                              const std::string& credentials = "") {
        std::string text =
            "REGISTER sip:acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch="
            "z9hG4bK-" +
            phone.call_id + "-" + std::to_string(phone.cseq) + "\r\nFrom: <sip:" + phone.user +
            "@acme.test>;tag=1\r\nTo: <sip:" + phone.user +
            "@acme.test>\r\nCall-ID: " + phone.call_id + "\r\nCSeq: " + std::to_string(phone.cseq) +
            " REGISTER\r\n" + headers;
        if (!credentials.empty()) text += "Authorization: " + credentials + "\r\n";
        text += "Content-Length: 0\r\n\r\n";
        ports::SipInbound in;
        in.flow = {kGate, phone.transport, 1, phone.connection,
                   *SocketAddress::parse(phone.source)};
        in.message = *sip::parse_message(text);
        return in;
    }
    std::string credentials(Phone& phone) {
        ++phone.nonce_count;
        sip::DigestChallenge challenge;
        challenge.realm = "acme.test";
        challenge.nonce = phone.nonce;
        challenge.algorithm = phone.algorithm;
        return sip::answer_challenge(challenge, {phone.user, phone.password},
                                     {"REGISTER", "sip:acme.test", "c0ffee", phone.nonce_count});
    }
    // One REGISTER; the answer, or none.
    std::optional<sip::Message> send(Phone& phone, const std::string& headers) {
        ++phone.cseq;
        sent.clear();
        deliver(inbound(phone, headers, phone.nonce.empty() ? "" : credentials(phone)));
        return answer();
    }
    std::optional<sip::Message> answer() {
        if (sent.empty()) return std::nullopt;
        auto* outbound = get_if<ports::SipOutbound>(&sent.back().payload);
        return outbound ? std::optional(outbound->message) : std::nullopt;
    }
    // With its challenge.
    std::optional<sip::Message> log_in(Phone& phone, const std::string& headers) {
        const auto challenge = send(phone, headers);
        if (!challenge || challenge->status() != 401) return challenge;
        phone.nonce = nonce_in(*challenge);
        phone.nonce_count = 0;
        return send(phone, headers);
    }
    static std::string nonce_in(const sip::Message& challenge) {
        const auto value = sip::AuthValue::parse(*challenge.header(HeaderId::WwwAuthenticate));
        return std::string(sip::DigestChallenge::parse(*value)->nonce);
    }
    ports::BindingsReply query() {
        sent.clear();
        deliver(ports::BindingsQuery{{kDomain}, {kAlice}});
        return get<ports::BindingsReply>(sent.back().payload);
    }
    size_t stored() const {
        size_t count = 0;
        for (const auto& [name, value] : store.data) count += name.starts_with("binding/") ? 1 : 0;
        return count;
    }

    Now now{{1000s}, {1'790'000'000'000}};
    SealKey key{1, 2, 3};
    SeededRng rng{11};
    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    ports::Surroundings around{kSelf, directory, catalog, tokens, rng};
    TinyStore store;
    std::unique_ptr<Registrar> registrar;
    std::vector<ports::Letter> sent;
};

constexpr const char* kContact = "Contact: <sip:alice@192.0.2.9:5060>\r\n";

// Not even a refresh that needs no write: the active copy may know better.
TEST_F(RegistrarTest, APassiveCopyTakesNoRegistrations) {
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    ports::DirectoryEntry self{kSelf, RoleKind::Registrar};
    self.is_active = false;
    directory.replace({self, {kGate, RoleKind::SipGate}});
    EXPECT_FALSE(send(phone, kContact)) << "somebody may have the post in a moment";
    wait(2s);
    const auto refused = answer();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status(), 503);
    EXPECT_TRUE(refused->has(HeaderId::RetryAfter));
    // Whoever has the post gets it at once, and once only.
    ports::DirectoryEntry other{{9}, RoleKind::Registrar};
    directory.replace({self, other, {kGate, RoleKind::SipGate}});
    EXPECT_FALSE(send(phone, kContact));
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].to, other.instance);
    ports::SipInbound passed = get<ports::SipInbound>(sent[0].payload);
    EXPECT_EQ(passed.previous_owner, kSelf);
    sent.clear();
    passed.previous_owner = other.instance;
    deliver(std::move(passed));
    EXPECT_TRUE(sent.empty());
    deliver(ports::BindingRemove{{kDomain}, {kAlice}, {}});
    EXPECT_EQ(get<ports::BindingRemoved>(sent.back().payload).removed, 0u);
    EXPECT_EQ(stored(), 1u);
    EXPECT_TRUE(query().stale);
}

TEST_F(RegistrarTest, ChallengesThenRegisters) {
    Phone phone;
    const auto challenge = send(phone, kContact);
    ASSERT_TRUE(challenge);
    EXPECT_EQ(challenge->status(), 401);
    EXPECT_EQ(challenge->count(HeaderId::WwwAuthenticate), 2u);
    EXPECT_NE(challenge->header(HeaderId::WwwAuthenticate)->find("algorithm=MD5"),
              std::string_view::npos);
    EXPECT_EQ(stored(), 0u);
    phone.nonce = nonce_in(*challenge);
    const auto ok = send(phone, kContact);
    ASSERT_TRUE(ok);
    EXPECT_EQ(ok->status(), 200);
    EXPECT_EQ(*ok->header(HeaderId::Contact), "<sip:alice@192.0.2.9:5060>;expires=600");
    EXPECT_TRUE(ok->has(HeaderId::Date));
    EXPECT_FALSE(ok->to()->tag().empty());
    EXPECT_EQ(stored(), 1u);
    const auto bindings = query();
    ASSERT_EQ(bindings.bindings.size(), 1u);
    EXPECT_EQ(bindings.bindings[0].contact, "sip:alice@192.0.2.9:5060");
    EXPECT_FALSE(bindings.stale);
}

TEST_F(RegistrarTest, EveryAlgorithmWorks) {
    for (const auto algorithm : {sip::DigestAlgorithm::Md5, sip::DigestAlgorithm::Sha256,
                                 sip::DigestAlgorithm::Sha512_256}) {
        Phone phone;
        phone.algorithm = algorithm;
        phone.call_id = "algorithm-" + std::to_string(static_cast<int>(algorithm));
        EXPECT_EQ(log_in(phone, kContact)->status(), 200) << phone.call_id;
    }
}

TEST_F(RegistrarTest, TellsNothingAboutAccounts) {
    Phone unknown;
    unknown.user = "nobody";
    Phone wrong;
    wrong.password = "guess";
    const auto first = send(unknown, kContact);
    const auto second = send(wrong, kContact);
    EXPECT_EQ(first->status(), 401);
    EXPECT_EQ(second->status(), 401);
    EXPECT_EQ(first->field_count(), second->field_count());
    unknown.nonce = nonce_in(*first);
    wrong.nonce = nonce_in(*second);
    EXPECT_EQ(send(unknown, kContact)->status(), 403);
    EXPECT_EQ(send(wrong, kContact)->status(), 403);
    EXPECT_EQ(stored(), 0u);
}

TEST_F(RegistrarTest, OldForgedAndReplayedNoncesAreChallengedAsStale) {
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    phone.nonce_count = 0;  // the count that was used before
    const auto replayed = send(phone, kContact);
    EXPECT_EQ(replayed->status(), 401);
    EXPECT_NE(replayed->header(HeaderId::WwwAuthenticate)->find("stale=true"),
              std::string_view::npos);
    phone.nonce = nonce_in(*replayed);
    wait(301s);
    EXPECT_EQ(send(phone, kContact)->status(), 401);
    phone.nonce = "0123456789abcdef0123456789abcdef0123456789abcdef";
    EXPECT_EQ(send(phone, kContact)->status(), 401);
}

TEST_F(RegistrarTest, ExpiryHasBounds) {
    const struct {
        const char* headers;
        int status;
        const char* expires;
    } cases[] = {
        {"Contact: <sip:a@192.0.2.9>;expires=10\r\n", 423, nullptr},
        {"Contact: <sip:a@192.0.2.9>\r\nExpires: 120\r\n", 200, ";expires=120"},
        {"Contact: <sip:a@192.0.2.9>;expires=300\r\nExpires: 120\r\n", 200, ";expires=300"},
        {"Contact: <sip:a@192.0.2.9>;expires=999999\r\n", 200, ";expires=3600"},
        {"Contact: <sip:a@192.0.2.9>\r\n", 200, ";expires=600"},
        {"Contact: <sip:a@192.0.2.9>;expires=0\r\n", 200, nullptr},
    };
    for (const auto& each : cases) {
        Phone phone;
        const auto answer = log_in(phone, each.headers);
        ASSERT_TRUE(answer) << each.headers;
        EXPECT_EQ(answer->status(), each.status) << each.headers;
        if (each.status == 423) {
            EXPECT_EQ(answer->header(HeaderId::MinExpires), "60");
        }
        const std::string contact(answer->header(HeaderId::Contact).value_or(""));
        EXPECT_EQ(contact.empty(), each.expires == nullptr) << contact;
        if (each.expires) {
            EXPECT_TRUE(contact.ends_with(each.expires)) << contact;
        }
        ASSERT_EQ(log_in(phone, "Contact: *\r\nExpires: 0\r\n")->status(), 200);
        EXPECT_EQ(stored(), 0u);
    }
}

TEST_F(RegistrarTest, AllOrNothing) {
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    // One good and one too brief.
    EXPECT_EQ(
        log_in(phone, "Contact: <sip:b@192.0.2.9>, <sip:c@192.0.2.9>;expires=5\r\n")->status(),
        423);
    EXPECT_EQ(query().bindings.size(), 1u);
    EXPECT_EQ(log_in(phone, "Contact: *\r\nExpires: 60\r\n")->status(), 400);
    EXPECT_EQ(log_in(phone, "Contact: *, <sip:b@192.0.2.9>\r\nExpires: 0\r\n")->status(), 400);
    EXPECT_EQ(query().bindings.size(), 1u);
    EXPECT_EQ(log_in(phone, "Contact: <sip:1@192.0.2.9>, <sip:2@192.0.2.9>, <sip:3@192.0.2.9>\r\n")
                  ->status(),
              403);
    EXPECT_EQ(query().bindings.size(), 1u);
    EXPECT_EQ(
        log_in(phone, "Contact: <sip:1@192.0.2.9>;q=0.5, <sip:2@192.0.2.9>;q=0.7\r\n")->status(),
        200);
    const auto bindings = query().bindings;
    ASSERT_EQ(bindings.size(), 3u);
    EXPECT_EQ(bindings[0].q_thousandths, 1000);
    EXPECT_EQ(bindings[1].contact, "sip:2@192.0.2.9");
    EXPECT_EQ(bindings[2].contact, "sip:1@192.0.2.9");
}

TEST_F(RegistrarTest, OfAContactThatStandsTwiceTheLastCounts) {
    Phone phone;
    const std::string on = "Contact: <sip:a@192.0.2.9>\r\n";
    const std::string off = "Contact: <sip:a@192.0.2.9>;expires=0\r\n";
    ASSERT_EQ(log_in(phone, on + off)->status(), 200);
    EXPECT_EQ(query().bindings.size(), 0u);
    ASSERT_EQ(log_in(phone, off + on)->status(), 200);
    EXPECT_EQ(query().bindings.size(), 1u);
    ASSERT_EQ(log_in(phone, on + off)->status(), 200);
    EXPECT_EQ(query().bindings.size(), 0u);
}

TEST_F(RegistrarTest, LateRequestsDoNotUndoNewerOnes) {
    Phone phone;
    phone.cseq = 10;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    phone.cseq = 5;
    EXPECT_EQ(log_in(phone, "Contact: <sip:alice@192.0.2.9:5060>;expires=0\r\n")->status(), 500);
    EXPECT_EQ(query().bindings.size(), 1u);
    phone.cseq = 30;
    EXPECT_EQ(log_in(phone, "Contact: <sip:alice@192.0.2.9:5060>;expires=0\r\n")->status(), 200);
    EXPECT_EQ(query().bindings.size(), 0u);
}

TEST_F(RegistrarTest, RetransmissionsGetTheSameAnswer) {
    Phone phone;
    phone.nonce = nonce_in(*send(phone, kContact));
    ++phone.cseq;
    const std::string same = credentials(phone);
    deliver(inbound(phone, kContact, same));
    const std::string first = answer()->to_text();
    const size_t written = store.transactions;
    sent.clear();
    deliver(inbound(phone, kContact, same));
    EXPECT_EQ(answer()->to_text(), first);
    EXPECT_EQ(store.transactions, written);
    EXPECT_EQ(registrar->counters().retransmissions, 1u);
    // After a crash between commit and answer: the binding itself knows.
    restart();
    sent.clear();
    deliver(inbound(phone, kContact, same));
    ASSERT_TRUE(answer());
    EXPECT_EQ(answer()->status(), 200);
    EXPECT_EQ(store.transactions, written);
}

TEST_F(RegistrarTest, AnswersOnlyAfterTheCommit) {
    Phone phone;
    phone.nonce = nonce_in(*send(phone, kContact));
    store.hold = true;
    ++phone.cseq;
    sent.clear();
    const std::string same = credentials(phone);
    deliver(inbound(phone, kContact, same));
    deliver(inbound(phone, kContact, same));
    EXPECT_FALSE(answer());
    EXPECT_EQ(query().bindings.size(), 0u);
    sent.clear();
    // A second REGISTER of the account waits for the first.
    ++phone.cseq;
    deliver(
        inbound(phone, "Contact: <sip:alice@192.0.2.9:5060>;expires=0\r\n", credentials(phone)));
    EXPECT_TRUE(sent.empty());
    release();
    EXPECT_EQ(sent.size(), 2u);
    EXPECT_EQ(stored(), 0u);
}

TEST_F(RegistrarTest, RefreshesThatChangeNothingWriteNothing) {
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    const size_t written = store.transactions;
    wait(100s);
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    EXPECT_EQ(store.transactions, written);
    EXPECT_EQ(registrar->counters().unwritten_refreshes, 1u);
    phone.call_id = "after-a-restart-of-the-phone";
    wait(100s);
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    EXPECT_EQ(store.transactions, written);
    EXPECT_EQ(query().bindings.at(0).call_id, phone.call_id);
    phone.source = "192.0.2.9:6000";  // another flow is a change, when its Contact does not tell
    wait(100s);
    ASSERT_EQ(log_in(phone, "Contact: <sip:alice@phone.invalid>\r\n")->status(), 200);
    EXPECT_EQ(store.transactions, written + 1);
    size_t refreshes = 0;
    for (; refreshes < 10; ++refreshes) {
        wait(250s);
        ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    }
    EXPECT_LE(store.transactions, written + 1 + 6);  // a half of them, and one removal by expiry
}

TEST_F(RegistrarTest, RestoresAndExpires) {
    Phone phone;
    ASSERT_EQ(log_in(phone,
                     "Contact: "
                     "<sip:alice@192.0.2.9:5060>;expires=60;+sip.instance=\"<urn:uuid:1>\"\r\nUser-"
                     "Agent: Phone/1\r\n")
                  ->status(),
              200);
    restart();
    const auto bindings = query().bindings;
    ASSERT_EQ(bindings.size(), 1u);
    EXPECT_EQ(bindings[0].instance_id, "urn:uuid:1");
    EXPECT_EQ(bindings[0].user_agent, "Phone/1");
    EXPECT_EQ(bindings[0].flow.text(), "1;UDP;1;0;192.0.2.9:5060");
    wait(59s);
    EXPECT_EQ(query().bindings.size(), 1u);
    wait(2s);
    EXPECT_EQ(query().bindings.size(), 0u);
    EXPECT_EQ(stored(), 0u);
    EXPECT_EQ(registrar->counters().expired, 1u);
}

TEST_F(RegistrarTest, OutboundReplacesTheSameInstanceAndRegId) {
    Phone phone;
    phone.transport = Transport::Tcp;
    phone.connection = 5;
    const auto contact = [](const char* host) {
        return "Contact: <sip:alice@" + std::string(host) +
               ">;+sip.instance=\"<urn:uuid:9>\";reg-id=1\r\nSupported: outbound, path\r\n";
    };
    const auto ok = log_in(phone, contact("a.invalid"));
    ASSERT_EQ(ok->status(), 200);
    EXPECT_EQ(ok->header(HeaderId::Require), "outbound");
    EXPECT_TRUE(ok->has(HeaderId::FlowTimer));
    phone.connection = 6;
    ASSERT_EQ(log_in(phone, contact("b.invalid"))->status(), 200);
    auto bindings = query().bindings;
    ASSERT_EQ(bindings.size(), 1u);
    EXPECT_EQ(bindings[0].contact, "sip:alice@b.invalid");
    EXPECT_EQ(bindings[0].flow.connection, 6u);
    deliver(ports::FlowClosed{{kGate, Transport::Tcp, 1, 5, {}}});
    EXPECT_EQ(query().bindings.size(), 1u);
    deliver(ports::FlowClosed{{kGate, Transport::Tcp, 1, 6, {}}});
    EXPECT_EQ(query().bindings.size(), 0u);
    EXPECT_EQ(stored(), 1u);
}

TEST_F(RegistrarTest, ExtensionsAreCheckedFirst) {
    Phone phone;
    const auto refused = send(phone, std::string("Require: path, frobnicate\r\n") + kContact);
    EXPECT_EQ(refused->status(), 420);
    EXPECT_EQ(refused->header(HeaderId::Unsupported), "frobnicate");
    EXPECT_EQ(log_in(phone, std::string("Path: <sip:edge.test;lr>\r\n") + kContact)->status(), 420);
    const auto ok =
        log_in(phone, std::string("Path: <sip:edge.test;lr>\r\nSupported: path\r\n") + kContact);
    EXPECT_EQ(ok->status(), 200);
    EXPECT_EQ(ok->header(HeaderId::Path), "<sip:edge.test;lr>");
    EXPECT_EQ(query().bindings[0].path, std::vector<std::string>{"<sip:edge.test;lr>"});
}

TEST_F(RegistrarTest, FindsTheWayToThePhone) {
    const struct {
        const char* contact;
        const char* source;
        const char* remote;
    } cases[] = {
        {"sip:a@192.0.2.9:5070", "192.0.2.9:6000", "192.0.2.9:5070"},
        {"sip:a@192.0.2.77", "192.0.2.9:6000", "192.0.2.77:5060"},
        {"sip:a@10.0.0.9:5070", "203.0.113.5:6000", "203.0.113.5:6000"},  // NAT
        {"sip:a@phone.invalid", "192.0.2.9:6000", "192.0.2.9:6000"},
    };
    for (const auto& each : cases) {
        Phone phone;
        phone.source = each.source;
        ASSERT_EQ(log_in(phone, "Contact: <" + std::string(each.contact) + ">\r\n")->status(), 200);
        EXPECT_EQ(query().bindings[0].flow.remote.text(), each.remote) << each.contact;
        ASSERT_EQ(log_in(phone, "Contact: *\r\nExpires: 0\r\n")->status(), 200);
    }
}

TEST_F(RegistrarTest, ListsAndRemoves) {
    Phone phone;
    ASSERT_EQ(log_in(phone, "Contact: <sip:1@192.0.2.9>, <sip:2@192.0.2.9>\r\n")->status(), 200);
    sent.clear();
    deliver(ports::BindingsList{{kDomain}, {}, 10});
    const auto page = get<ports::BindingsPage>(sent.back().payload);
    ASSERT_EQ(page.items.size(), 2u);
    EXPECT_EQ(page.items[0].login, "alice");
    EXPECT_EQ(page.total, 2u);
    EXPECT_TRUE(page.next.empty());
    deliver(ports::BindingRemove{{kDomain}, {kAlice}, "sip:1@192.0.2.9"});
    EXPECT_EQ(get<ports::BindingRemoved>(sent.back().payload).removed, 1u);
    deliver(ports::BindingRemove{{kDomain}, {kAlice}, ""});
    EXPECT_EQ(get<ports::BindingRemoved>(sent.back().payload).removed, 1u);
    EXPECT_EQ(stored(), 0u);
}

TEST_F(RegistrarTest, StrangersAreRefusedAsTheRfcSays) {
    Phone phone;
    ++phone.cseq;
    auto elsewhere = inbound(phone, kContact);
    elsewhere.message.replace(HeaderId::To, "<sip:alice@other.test>");
    deliver(std::move(elsewhere));
    EXPECT_EQ(answer()->status(), 404);
    auto other_method = inbound(phone, kContact);
    other_method.message = sip::Message::request(sip::Method::Options, "sip:acme.test");
    deliver(std::move(other_method));
    EXPECT_EQ(answer()->status(), 405);
}

TEST_F(RegistrarTest, AnAddressMeansTheOnlyDomain) {
    const auto status = [&] {
        Phone phone;
        ++phone.cseq;
        auto by_address = inbound(phone, kContact);
        by_address.message.replace(HeaderId::To, "<sip:1001@192.0.2.1>");
        deliver(std::move(by_address));
        return answer()->status();
    };
    EXPECT_EQ(status(), 401);
    model::Domain other;
    other.id = {{1, 2}};
    other.name = "other.test";
    load(store::keys::domain(other.id), other);
    catalog = feed.snapshot();
    EXPECT_EQ(status(), 404);
}

TEST_F(RegistrarTest, APassiveCopyFollowsTheStore) {
    ports::DirectoryEntry self{kSelf, RoleKind::Registrar};
    self.is_active = false;
    directory.replace({{{9}, RoleKind::Registrar}, self});
    ports::Binding binding;
    binding.contact = "sip:alice@192.0.2.9";
    binding.flow = *ports::Flow::parse("1;UDP;1;0;192.0.2.9:5060");
    BindingRecord record(binding);
    record.stored_until = {now.utc.unix_ms + 60'000};
    store::WatchBatch batch;
    batch.events.push_back({store::WatchEvent::Kind::Put,
                            {store::keys::binding({kDomain}, {kAlice}, key_text(record.key)),
                             encode_binding(record),
                             {},
                             {},
                             0}});
    deliver(batch);
    const auto reply = query();
    EXPECT_EQ(reply.bindings.size(), 1u);
    EXPECT_TRUE(reply.stale);
    batch.events[0].kind = store::WatchEvent::Kind::Delete;
    deliver(batch);
    EXPECT_EQ(query().bindings.size(), 0u);
}

TEST_F(RegistrarTest, AnActiveCopyIsNotSetBackByWhatItReadsAgain) {
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    store.hold = true;
    store::WatchBatch lost;
    lost.kind = store::WatchBatch::Kind::Compacted;
    deliver(lost);
    ASSERT_EQ(store.held.size(), 1u);
    const store::Request reading = std::exchange(store.held, {}).front();
    store.hold = false;
    const store::Reply late = store.answer(reading);
    ASSERT_EQ(send(phone, "Contact: *\r\nExpires: 0\r\n")->status(), 200);
    ports::Outbox out;
    registrar->on_letter(now, {ports::kKeyValue, kSelf, 0, late}, out);
    settle(out);
    EXPECT_EQ(query().bindings.size(), 0u);
}

TEST_F(RegistrarTest, SettingsOfTheInstanceBoundAndStepBindings) {
    const auto change = [&](int bindings_max, int expiry_step_s) {
        model::RoleInstance self;
        self.id = {{1, 1}};
        self.role = model::RoleCode::Sr;
        self.number = kSelf.number;
        self.registrar.emplace();
        self.registrar->bindings_max = bindings_max;
        self.registrar->expiry_step = std::chrono::seconds(expiry_step_s);
        load(store::keys::role_instance(self.id), self);
        catalog = feed.snapshot();
    };
    change(1, 0);
    Phone desk;
    EXPECT_EQ(log_in(desk, "Contact: <sip:alice@192.0.2.9>\r\nExpires: 600\r\n")->status(), 200);
    Phone mobile;
    mobile.call_id = "phone-2";
    const auto refused = log_in(mobile, "Contact: <sip:alice@192.0.2.10>\r\nExpires: 600\r\n");
    EXPECT_EQ(refused->status(), 503);
    EXPECT_TRUE(refused->has(HeaderId::RetryAfter));
    // One that is there may be refreshed; with a step of 0 each refresh is written.
    wait(10s);
    EXPECT_EQ(send(desk, "Contact: <sip:alice@192.0.2.9>\r\nExpires: 600\r\n")->status(), 200);
    EXPECT_EQ(registrar->counters().unwritten_refreshes, 0u);
    change(2, 3600);
    EXPECT_EQ(send(mobile, "Contact: <sip:alice@192.0.2.10>\r\nExpires: 600\r\n")->status(), 200);
}

}  // namespace
}  // namespace tandem::roles::registrar
