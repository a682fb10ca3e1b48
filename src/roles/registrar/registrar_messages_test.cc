// Messages that wait until their account has a device.
#include "roles/registrar/limits.h"
#include "roles/registrar/registrar_fixture_test.h"

namespace tandem::roles::registrar {
namespace {

constexpr ports::Instance kB2bua{7};

struct MessagesTest : RegistrarTest {
    MessagesTest() {
        directory.replace(
            {{kSelf, RoleKind::Registrar}, {kGate, RoleKind::SipGate}, {kB2bua, RoleKind::B2bua}});
    }
    static ports::MessageKeep keep(std::string body) {
        ports::MessageKeep keep{{kDomain}, {kAlice}, {}};
        keep.message.sent = {1'790'000'000'000};
        keep.message.from = "<sip:bob@acme.test>";
        keep.message.to = "<sip:alice@acme.test>";
        keep.message.content_type = "text/plain";
        keep.message.body = std::move(body);
        return keep;
    }
    bool is_kept(std::string body) {
        sent.clear();
        deliver(keep(std::move(body)));
        const auto* reply =
            sent.empty() ? nullptr : get_if<ports::MessageKept>(&sent.back().payload);
        return reply != nullptr && reply->kept;
    }
    // What a B2B was given last.
    std::optional<ports::Letter> given() {
        for (const ports::Letter& letter : sent) {
            if (letter.to == kB2bua && holds_alternative<ports::MessageDeliver>(letter.payload))
                return letter;
        }
        return std::nullopt;
    }
    static std::string body_of(const std::optional<ports::Letter>& letter) {
        return letter ? get<ports::MessageDeliver>(letter->payload).message.body : "none";
    }
    void answer_with(const ports::Letter& question, int status) {
        sent.clear();
        ports::Outbox out;
        registrar->on_letter(
            now, {kB2bua, kSelf, question.request, ports::MessageDelivered{status}}, out);
        settle(out);
    }
    size_t waiting() const {
        size_t count = 0;
        for (const auto& [name, value] : store.data) count += name.contains("/message/") ? 1 : 0;
        return count;
    }
};

TEST_F(MessagesTest, AreInTheStoreBeforeTheyAreAcknowledged) {
    store.hold = true;
    deliver(keep("one"));
    EXPECT_TRUE(sent.empty());
    release();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(get<ports::MessageKept>(sent[0].payload).kept);
    EXPECT_EQ(waiting(), 1u);
    EXPECT_EQ(stored(), 1u) << "beside the bindings of the account, with which it is removed";
}

TEST_F(MessagesTest, GoOutInTheirOrderWhenTheAccountRegisters) {
    ASSERT_TRUE(is_kept(std::string("one\0\xff", 5)));
    wait(1s);
    ASSERT_TRUE(is_kept("two"));
    EXPECT_FALSE(given()) << "nobody could take it";
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    const auto first = given();
    ASSERT_TRUE(first);
    EXPECT_EQ(body_of(first), std::string("one\0\xff", 5));
    EXPECT_EQ(get<ports::MessageDeliver>(first->payload).message.from, "<sip:bob@acme.test>");
    answer_with(*first, 200);
    EXPECT_EQ(waiting(), 1u);
    const auto second = given();
    EXPECT_EQ(body_of(second), "two");
    answer_with(*second, 202);
    EXPECT_EQ(waiting(), 0u);
    EXPECT_FALSE(given());
}

TEST_F(MessagesTest, OutliveTheRegistrar) {
    ASSERT_TRUE(is_kept("one"));
    restart();
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    EXPECT_EQ(body_of(given()), "one");
}

TEST_F(MessagesTest, StayWhenTheDeviceDidNotTakeThem) {
    ASSERT_TRUE(is_kept("one"));
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    answer_with(*given(), 480);
    EXPECT_FALSE(given()) << "not at once again";
    EXPECT_EQ(waiting(), 1u);
    ASSERT_EQ(send(phone, kContact)->status(), 200);
    EXPECT_EQ(body_of(given()), "one");
}

TEST_F(MessagesTest, AreNotGivenTwiceAtOnce) {
    ASSERT_TRUE(is_kept("one"));
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    ASSERT_TRUE(given());
    ASSERT_EQ(send(phone, kContact)->status(), 200);
    EXPECT_FALSE(given());
}

// The store takes its time to remove what was delivered.
TEST_F(MessagesTest, AreNotGivenAgainWhileTheyAreRemoved) {
    ASSERT_TRUE(is_kept("one"));
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    const auto question = given();
    store.hold = true;
    answer_with(*question, 200);
    ASSERT_EQ(send(phone, kContact)->status(), 200);
    EXPECT_FALSE(given());
    release();
    EXPECT_EQ(waiting(), 0u);
    EXPECT_FALSE(given());
}

TEST_F(MessagesTest, AreDroppedWhenNoDeviceCanTakeThem) {
    ASSERT_TRUE(is_kept("one"));
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    answer_with(*given(), 415);
    EXPECT_EQ(waiting(), 0u);
}

TEST_F(MessagesTest, AreGivenAgainWhenTheB2bIsGone) {
    ASSERT_TRUE(is_kept("one"));
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    const auto question = given();
    ports::Outbox out;
    registrar->on_letter(now, {kB2bua, kSelf, question->request, ports::Unreachable{kB2bua}}, out);
    settle(out);
    ASSERT_EQ(send(phone, kContact)->status(), 200);
    EXPECT_EQ(body_of(given()), "one");
}

TEST_F(MessagesTest, AnAccountHasRoomForSome) {
    for (size_t i = 0; i < messages_of_account_max; ++i) EXPECT_TRUE(is_kept(std::to_string(i)));
    EXPECT_FALSE(is_kept("one too many"));
    EXPECT_EQ(waiting(), messages_of_account_max);
}

TEST_F(MessagesTest, ExpireAfterAWeek) {
    ASSERT_TRUE(is_kept("one"));
    wait(messages_kept_for - 1min);
    EXPECT_EQ(waiting(), 1u);
    wait(1min + messages_look);
    EXPECT_EQ(waiting(), 0u);
}

TEST_F(MessagesTest, APassiveCopyKeepsNone) {
    ports::DirectoryEntry self{kSelf, RoleKind::Registrar};
    self.is_active = false;
    directory.replace({self, {kGate, RoleKind::SipGate}});
    EXPECT_FALSE(is_kept("one"));
    EXPECT_EQ(waiting(), 0u);
}

TEST(StoredMessages, WhatIsDamagedIsSaid) {
    ports::StoredMessage message{0, {5}, "a", "b", "c", std::string("\0\n\"", 3)};
    const auto again = decode_message(encode_message(message));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->body, message.body);
    EXPECT_EQ(again->sent.unix_ms, 5);
    for (const char* bad : {"", "[]", "{}", R"({"sent":1,"from":"*"})", R"({"sent":"1"})"})
        EXPECT_FALSE(decode_message(bad)) << bad;
}

TEST(StoredMessages, TheirKeysAreNoBindings) {
    const std::string key = message_store_key({kDomain}, {kAlice}, 77);
    const auto parts = parse_message_key(key);
    ASSERT_TRUE(parts);
    EXPECT_EQ(parts->domain, DomainId{kDomain});
    EXPECT_EQ(parts->account, AccountId{kAlice});
    EXPECT_EQ(parts->key, 77u);
    EXPECT_FALSE(parse_message_key(store::keys::binding({kDomain}, {kAlice}, "0123456789abcdef")));
    EXPECT_FALSE(parse_message_key("binding/~sharing"));
}

}  // namespace
}  // namespace tandem::roles::registrar
