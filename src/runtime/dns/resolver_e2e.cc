// The resolver against a real dnsmasq on loopback.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/dns/resolver.h"
#include "runtime/process/process.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/system_rng.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {
namespace {

constexpr Duration kPatience = 20s;

uint16_t free_port() {
    UniqueFd fd(socket(AF_INET, SOCK_DGRAM, 0));
    const NativeAddress any(*SocketAddress::parse("127.0.0.1:0"));
    EXPECT_EQ(bind(fd.get(), any.get(), any.size), 0);
    return local_address_of(fd.get()).port;
}

class ResolverTest : public testing::Test {
 protected:
    ResolverTest() : port_(free_port()) {
        ProcessSpec spec;
        spec.name = "dnsmasq-" + std::to_string(getpid());
        spec.program = "/usr/sbin/dnsmasq";
        spec.arguments = {"--keep-in-foreground",
                          "--conf-file=/dev/null",
                          "--no-resolv",
                          "--no-hosts",
                          "--bind-interfaces",
                          "--listen-address=127.0.0.1",
                          "--local=/test/",
                          "--local-ttl=1",
                          "--pid-file=",
                          "--port=" + std::to_string(port_),
                          "--naptr-record=a.test,10,10,s,SIP+D2T,,_sip._tcp.a.test",
                          "--naptr-record=a.test,20,10,s,SIP+D2U,,_sip._udp.a.test",
                          "--srv-host=_sip._tcp.a.test,h1.a.test,5070,1,1",
                          "--srv-host=_sip._udp.a.test,h2.a.test,5080,1,1",
                          "--host-record=h1.a.test,192.0.2.1,2001:db8::1",
                          "--host-record=h2.a.test,192.0.2.2"};
        server_ = std::make_unique<Supervised>(reactor_, testing::TempDir(), spec);
        EXPECT_TRUE(server_->start().has_value());
        config_.servers = {*SocketAddress::parse("127.0.0.1:" + std::to_string(port_))};
        config_.try_timeout = 500ms;
    }
    ~ResolverTest() override {
        bool stopped = false;
        server_->stop([&] { stopped = true; });
        reactor_.run_until([&] { return stopped; }, kPatience);
    }
    // Asks until the server has started.
    bool await_server() {
        const Instant end = read_monotonic() + kPatience;
        while (read_monotonic() < end) {
            Resolver probe(reactor_, config_);
            std::optional<sip::DnsAnswer> answer;
            probe.query({"h2.a.test", sip::DnsType::A}, [&](const auto& got) { answer = got; });
            reactor_.run_until([&] { return answer.has_value(); }, 5s);
            if (answer && answer->outcome == sip::DnsAnswer::Outcome::Records) return true;
        }
        return false;
    }
    std::optional<Result<std::vector<sip::Target>>> locate(Resolver& resolver, std::string host) {
        sip::LocateRequest request;
        request.host = std::move(host);
        std::optional<Result<std::vector<sip::Target>>> result;
        resolver.locate(request, rng_, [&](auto got, const sip::LookUpFacts& facts) {
            result = std::move(got);
            facts_ = facts;
        });
        reactor_.run_until([&] { return result.has_value(); }, kPatience);
        return result;
    }

    Reactor reactor_;
    SystemRng rng_;
    sip::LookUpFacts facts_;  // of the last locate()
    uint16_t port_;
    ResolverConfig config_;
    std::unique_ptr<Supervised> server_;
};

TEST_F(ResolverTest, LocatesCachesAndForgets) {
    ASSERT_TRUE(await_server());
    Resolver resolver(reactor_, config_);
    const auto found = locate(resolver, "A.test");
    ASSERT_TRUE(found.has_value() && found->has_value());
    std::vector<std::string> addresses;
    for (const auto& target : **found) addresses.push_back(target.address.text());
    EXPECT_EQ(addresses,
              (std::vector<std::string>{"192.0.2.1:5070", "[2001:db8::1]:5070", "192.0.2.2:5080"}));
    EXPECT_GE(resolver.cached(), 5u);
    EXPECT_EQ(facts_.ttl_s, 1u);
    EXPECT_FALSE(facts_.is_partial);
    const auto missing = locate(resolver, "none.test");
    ASSERT_TRUE(missing.has_value());
    EXPECT_EQ(missing->error().code, ErrorCode::NotFound);
    const auto local = locate(resolver, "localhost");
    ASSERT_TRUE(local.has_value() && local->has_value());
    EXPECT_TRUE((**local)[0].address.ip.is_loopback());

    // Without the server the cache still answers, until its TTL has passed.
    bool stopped = false;
    server_->stop([&] { stopped = true; });
    ASSERT_TRUE(reactor_.run_until([&] { return stopped; }, kPatience));
    resolver.forget_all();
    const auto silent = locate(resolver, "a.test");
    ASSERT_TRUE(silent.has_value());
    EXPECT_EQ(silent->error().code, ErrorCode::Unavailable);
}

TEST_F(ResolverTest, ReadsItsFilesAgainWhenTheyHaveChanged) {
    config_.hosts_file = testing::TempDir() + "/hosts-" + std::to_string(getpid());
    config_.files_every = 0ms;
    const auto write = [&](const char* text) {
        // In place of the old one, as tools do.
        std::FILE* file = std::fopen((config_.hosts_file + "~").c_str(), "w");
        ASSERT_NE(file, nullptr);
        std::fputs(text, file);
        std::fclose(file);
        ASSERT_EQ(std::rename((config_.hosts_file + "~").c_str(), config_.hosts_file.c_str()), 0);
    };
    write("192.0.2.7 pbx.test\n");
    Resolver resolver(reactor_, config_);
    const auto address = [&] {
        const auto found = locate(resolver, "pbx.test");
        return found && *found ? (**found)[0].address.text() : std::string("none");
    };
    EXPECT_EQ(address(), "192.0.2.7:5060");
    write("192.0.2.8 pbx.test\n");
    EXPECT_EQ(address(), "192.0.2.8:5060");
    EXPECT_EQ(std::remove(config_.hosts_file.c_str()), 0);
    ASSERT_TRUE(await_server());
    EXPECT_EQ(address(), "none");
    const auto served = locate(resolver, "h2.a.test");
    EXPECT_TRUE(served && *served);
}

}  // namespace
}  // namespace tandem::runtime
