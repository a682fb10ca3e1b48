// A backup over HTTP: pieces, their numbers, and clients that go away.
#include "roles/web_gate/limits.h"
#include "roles/web_gate/web_gate_fixture_test.h"
#include "store/backup_records.h"
#include "store/memory_store.h"

namespace tandem::roles::web_gate {
namespace {

struct BackupTest : WebTest {
    BackupTest() {
        for (int i = 0; i < 1'500; ++i) put("/d/" + std::to_string(i), "value");
    }
    void put(const std::string& key, const std::string& value) {
        store::Outbox out;
        store.apply({}, {1, store::Txn{{}, {store::Put{key, value, 0}}, {}}}, out);
        batches.insert(batches.end(), out.watches.begin(), out.watches.end());
    }
    // The answer, once the store has answered what the gate asks it; nullopt: it waits.
    std::optional<HttpResponse> call(std::string method, std::string path, std::string piece = {}) {
        HttpRequest request =
            method == "POST" ? with_body(method, std::move(path), "{}") : get(std::move(path));
        request.method = std::move(method);
        if (!piece.empty()) request.query = {{"piece", piece}};
        ports::Outbox out;
        web.on_letter(now, {ports::kHttp, kSelf, ++asked, std::move(request)}, out);
        return carry(out);
    }
    std::optional<HttpResponse> carry(ports::Outbox& out) {
        std::optional<HttpResponse> response;
        while (!out.empty()) {
            for (ports::Letter& letter : out.take()) {
                if (const auto* answer = get_if<HttpResponse>(&letter.payload)) response = *answer;
                const auto* request = get_if<store::Request>(&letter.payload);
                if (request == nullptr) continue;
                EXPECT_EQ(letter.to, ports::kKeyValue);
                if (is_store_away) {
                    web.on_letter(now, {letter.to, kSelf, letter.request, ports::Unreachable{}},
                                  out);
                    continue;
                }
                if (is_store_silent) continue;
                if (const auto* create = std::get_if<store::WatchCreate>(&request->body))
                    watch = create->watch;
                store::Outbox said;
                store.apply({}, *request, said);
                batches.insert(batches.end(), said.watches.begin(), said.watches.end());
                for (auto& reply : said.replies)
                    web.on_letter(now, {letter.to, kSelf, letter.request, std::move(reply)}, out);
            }
            for (auto& batch : std::exchange(batches, {}))
                web.on_letter(now, {ports::kKeyValue, kSelf, 0, std::move(batch)}, out);
        }
        return response;
    }
    std::string begin() {
        const auto begun = call("POST", "/api/v1/site/backup");
        EXPECT_TRUE(begun && begun->status == 201);
        if (!begun) return {};
        return "/api/v1/site/backup/" + begun->body.substr(7, begun->body.size() - 9);
    }
    static size_t records_in(std::string_view piece) {
        size_t count = 0;
        while (const auto record = store::next_record(piece)) {
            if (!*record) break;
            ++count;
        }
        return count;
    }
    // From `number` to the end: how many records there are.
    size_t take_all(const std::string& path, int number = 1) {
        size_t records = 0;
        while (true) {
            const auto piece = call("GET", path, std::to_string(number++));
            if (!piece || (piece->status != 200 && piece->status != 204)) {
                ADD_FAILURE() << "piece " << number - 1 << ": " << (piece ? piece->status : 0);
                return records;
            }
            if (piece->status == 204) return records;
            EXPECT_EQ(piece->content_type, "application/octet-stream");
            records += records_in(piece->body);
        }
    }
    void let_pass(Duration time) {
        now.mono = now.mono + time;
        ports::Outbox out;
        web.on_timeout(now, out);
        last_of_time = carry(out);
    }

    store::MemoryStore store;
    std::vector<store::WatchBatch> batches;
    bool is_store_away = false;
    bool is_store_silent = false;
    store::WatchId watch = 0;  // that was asked for last
    std::optional<HttpResponse> last_of_time;
};

TEST_F(BackupTest, IsTakenPieceByPiece) {
    const std::string path = begin();
    EXPECT_EQ(take_all(path), 1'501u);  // all keys, and the end
    EXPECT_EQ(call("GET", path, "1000")->status, 409);
    EXPECT_EQ(call("DELETE", path)->status, 204);
    EXPECT_EQ(call("GET", path, "1")->status, 404);
}

TEST_F(BackupTest, APieceWhoseAnswerWasLostIsGivenAgain) {
    const std::string path = begin();
    const auto first = call("GET", path, "1");
    const auto again = call("GET", path, "1");
    ASSERT_TRUE(first && again);
    EXPECT_EQ(first->body, again->body);
    EXPECT_EQ(records_in(first->body) + take_all(path, 2), 1'501u);
    EXPECT_EQ(call("GET", path, "1")->status, 409);
}

TEST_F(BackupTest, PiecesHaveNumbers) {
    const std::string path = begin();
    for (const char* bad : {"", "0", "-1", "x", "1x"})
        EXPECT_EQ(call("GET", path, bad)->status, 422);
    EXPECT_EQ(call("GET", path, "2")->status, 409);
    EXPECT_EQ(call("GET", "/api/v1/site/backup/other", "1")->status, 404);
    EXPECT_EQ(call("GET", path, "1")->status, 200);
}

TEST_F(BackupTest, ThereIsOneAtATime) {
    const std::string path = begin();
    EXPECT_EQ(call("POST", "/api/v1/site/backup")->status, 409);
    EXPECT_EQ(call("DELETE", path)->status, 204);
    const std::string next = begin();
    EXPECT_NE(next, path);
    EXPECT_EQ(take_all(next), 1'501u);
    EXPECT_FALSE(begin().empty());  // one that was read to its end stands in nobody's way
}

TEST_F(BackupTest, IsForgottenWhenNobodyGoesOn) {
    const std::string path = begin();
    let_pass(backup_idle_max / 2);
    EXPECT_EQ(call("GET", path, "1")->status, 200);
    let_pass(backup_idle_max / 2 + 1s);
    EXPECT_EQ(call("GET", path, "2")->status, 200);
    EXPECT_TRUE(web.next_deadline());
    let_pass(backup_idle_max);
    EXPECT_EQ(call("GET", path, "3")->status, 404);
    EXPECT_FALSE(begin().empty());
}

TEST_F(BackupTest, GoesOnWhenTheStoreIsBack) {
    const std::string path = begin();
    is_store_away = true;
    EXPECT_EQ(call("GET", path, "1")->status, 503);
    is_store_away = false;
    is_store_silent = true;
    EXPECT_FALSE(call("GET", path, "1"));
    let_pass(reply_deadline);
    ASSERT_TRUE(last_of_time);
    EXPECT_EQ(last_of_time->status, 504);
    is_store_silent = false;
    EXPECT_EQ(take_all(path), 1'501u);
    is_store_away = true;
    EXPECT_EQ(call("POST", "/api/v1/site/backup")->status, 503);
    is_store_away = false;
    EXPECT_FALSE(begin().empty());
}

TEST_F(BackupTest, FailsWhenTheWatchIsLost) {
    const std::string path = begin();
    store::WatchBatch over{watch, store::WatchBatch::Kind::Compacted, {}, {}};
    ports::Outbox out;
    web.on_letter(now, {ports::kKeyValue, kSelf, 0, std::move(over)}, out);
    (void)carry(out);
    EXPECT_EQ(call("GET", path, "1")->status, 409);
    EXPECT_EQ(call("GET", path, "1")->status, 404);
    EXPECT_FALSE(begin().empty());
}

TEST_F(BackupTest, HoldsWhatIsWrittenMeanwhile) {
    const std::string path = begin();
    EXPECT_EQ(call("GET", path, "1")->status, 200);
    put("/d/new", "x");  // the watch tells of it, and it is in a page to come
    EXPECT_EQ(records_in(call("GET", path, "1")->body) + take_all(path, 2), 1'503u);
}

}  // namespace
}  // namespace tandem::roles::web_gate
