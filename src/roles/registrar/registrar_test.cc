#include "roles/registrar/registrar_fixture_test.h"

namespace tandem::roles::registrar {
namespace {

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

// Of a binding that the active copy has written.
struct PassiveCopy : RegistrarTest {
    PassiveCopy() {
        ports::DirectoryEntry self{kSelf, RoleKind::Registrar};
        self.is_active = false;
        directory.replace({{{9}, RoleKind::Registrar}, self});
        ports::Binding binding;
        binding.contact = "sip:alice@192.0.2.9";
        binding.flow = *ports::Flow::parse("1;UDP;1;0;192.0.2.9:5060");
        BindingRecord record(binding);
        record.stored_until = {now.utc.unix_ms + 60'000};
        key = store::keys::binding({kDomain}, {kAlice}, key_text(record.key));
        value = encode_binding(record);
    }
    std::string key;
    std::string value;
};

// What the store's node has not told while it was away, its next life does not tell either.
TEST_F(PassiveCopy, ReadsAgainWhenTheStoreIsBack) {
    store.data[key] = value;
    EXPECT_EQ(query().bindings.size(), 0u);
    store::WatchBatch over;
    over.kind = store::WatchBatch::Kind::Compacted;
    deliver(over);
    EXPECT_EQ(query().bindings.size(), 1u);
}

TEST_F(PassiveCopy, FollowsTheStore) {
    store::WatchBatch batch;
    batch.events.push_back({store::WatchEvent::Kind::Put, {key, value, {}, {}, 0}});
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
