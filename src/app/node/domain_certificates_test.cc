#include "app/node/domain_certificates.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/rng.h"
#include "model/secret.h"
#include "runtime/reactor/clock.h"
#include "store/keys.h"

namespace tandem::app {
namespace {

struct DomainCertificatesTest : testing::Test {
    DomainCertificatesTest() { std::filesystem::create_directories(folder); }
    ~DomainCertificatesTest() override { std::filesystem::remove_all(folder); }

    static runtime::Certificate made(const std::string& name) {
        return runtime::make_self_signed({name, {name}, {}}, runtime::read_clocks().utc)
            .value_or(runtime::Certificate{});
    }
    void put(const std::string& name, const runtime::Certificate& certificate) {
        model::Domain domain;
        domain.id = DomainId{{1, std::hash<std::string>()(name)}};
        domain.name = domain.realm = name;
        domain.certificate = certificate.chain_pem;
        domain.certificate_key_sealed = model::seal_text(certificate.key_pem, key, rng);
        feed_key(store::keys::domain(domain.id), model::encode_stored(domain, {}));
    }
    void feed_key(std::string at, std::string value) {
        ++revision.number;
        store::WatchBatch batch{1, store::WatchBatch::Kind::Events, revision, {}};
        batch.events.push_back({store::WatchEvent::Kind::Put,
                                {std::move(at), std::move(value), revision, revision, 0}});
        feed.on_watch(batch);
    }
    void write(const std::string& domain, const runtime::Certificate& certificate) {
        std::ofstream(folder + "/" + domain + ".crt") << certificate.chain_pem;
        std::ofstream(folder + "/" + domain + ".key") << certificate.key_pem;
    }
    std::vector<std::string> follow() {
        said.clear();
        certificates.follow(feed.snapshot(), key);
        return std::exchange(said, {});
    }
    using Lines = std::vector<std::string>;

    std::string folder = testing::TempDir() + "/domains-" + std::to_string(getpid());
    runtime::TlsContexts tls;
    SealKey key{4, 5, 6};
    SeededRng rng{1};
    store::CatalogFeed feed;
    store::Revision revision{1, 1};
    Lines said;
    DomainCertificates certificates{
        tls, folder, [this](const std::string& domain, const Result<void>& outcome) {
            said.push_back(domain + (outcome ? " ok" : " " + outcome.error().field));
        }};
};

TEST_F(DomainCertificatesTest, FollowsTheStoreAndTheFiles) {
    EXPECT_EQ(follow(), Lines{});
    put("acme.test", made("acme.test"));
    put("none.test", {});
    EXPECT_EQ(follow(), Lines{"acme.test ok"});
    EXPECT_EQ(follow(), Lines{}) << "nothing has changed";
    put("acme.test", made("acme.test"));
    EXPECT_EQ(follow(), Lines{"acme.test ok"});
    // Files go before the store; those of no domain, and what is no certificate, are passed over.
    write("acme.test", made("files"));
    write("foreign.test", made("foreign"));
    std::ofstream(folder + "/readme.txt") << "x";
    EXPECT_EQ(follow(), Lines{"acme.test ok"});
    runtime::Certificate mixed = made("one");
    mixed.key_pem = made("two").key_pem;
    write("acme.test", mixed);
    EXPECT_EQ(follow(), Lines{"acme.test certificate_key"});
    EXPECT_EQ(follow(), Lines{}) << "said once";
    std::filesystem::remove(folder + "/acme.test.crt");
    EXPECT_EQ(follow(), Lines{"acme.test ok"}) << "that of the store again";
    key = {9, 9, 9};
    put("other.test", {"x", ""});
    EXPECT_EQ(follow(), (Lines{"other.test certificate"})) << "sealed with the key of today";
    put("acme.test", {});
    EXPECT_EQ(follow(), Lines{});
}

}  // namespace
}  // namespace tandem::app
