// Where to send a request: RFC 3263 4 as a pure state machine. It says which DNS records it needs,
// takes the answers, and ends with an ordered list of addresses to try.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "base/rng.h"

namespace tandem::sip {

enum class DnsType : uint8_t { A, Aaaa, Srv, Naptr };

struct DnsQuestion {
    std::string name;
    DnsType type = DnsType::A;
    friend auto operator<=>(const DnsQuestion&, const DnsQuestion&) = default;
};

// RFC 2782.
struct SrvRecord {
    uint16_t priority = 0;
    uint16_t weight = 0;
    uint16_t port = 0;
    std::string target;
};
// RFC 3403.
struct NaptrRecord {
    uint16_t order = 0;
    uint16_t preference = 0;
    std::string flags;
    std::string service;
    std::string regexp;
    std::string replacement;
};

struct DnsAnswer {
    enum class Outcome : uint8_t { Records, NoRecords, Failed };
    DnsQuestion question;
    Outcome outcome = Outcome::NoRecords;
    uint32_t ttl_s = 0;  // the least of the records
    std::vector<IpAddress> addresses;
    std::vector<SrvRecord> srv;
    std::vector<NaptrRecord> naptr;
};

enum class TargetTransport : uint8_t { Udp, Tcp, Tls };

struct Target {
    TargetTransport transport = TargetTransport::Udp;
    SocketAddress address;
    std::string host;  // the name that a TLS certificate must match
    // As SRV records have it (RFC 2782), for those who draw anew for each request: lower ranks
    // first; among the servers of one rank by chance in proportion to the weights. A server's
    // addresses follow one another. All zero where there are no SRV records.
    uint16_t rank = 0;
    uint16_t server = 0;
    uint16_t weight = 0;
    friend bool operator==(const Target&, const Target&) = default;
};

// How long and how far a look-up can be relied on.
struct LookUpFacts {
    uint32_t ttl_s = UINT32_MAX;  // the least of the records that it stands on
    bool is_partial = false;      // name servers failed us, so that something may be missing
    // The first place that records lead to though no server can be there; it was left out.
    std::optional<SocketAddress> unfit{};
};

// Whether one host may wait there: an address of the host itself, of a group or of all hosts is
// none (RFC 1122 3.2.1.3), and port 0 is no port.
bool is_of_one_host(const SocketAddress& address);

struct LocateRequest {
    std::string host;              // name or address; maddr when the URI has one
    std::optional<uint16_t> port;  // as given in the URI
    std::optional<TargetTransport> transport;
    bool sips = false;
    // What we can use, most wanted first.
    std::vector<TargetTransport> supported = {TargetTransport::Udp, TargetTransport::Tcp,
                                              TargetTransport::Tls};
    bool ipv4 = true;
    bool ipv6 = true;
};

// Names and addresses that one look-up may lead to; a hostile zone must not make us ask for ever.
inline constexpr size_t locate_srv_names_max = 8;
inline constexpr size_t locate_hosts_max = 32;
inline constexpr size_t locate_targets_max = 64;
// Of one SRV name, those of the best priorities: drawing among them takes the square of their
// number, and a reply of 64 KiB has some 3,000.
inline constexpr size_t locate_srv_records_max = 256;

// One look-up. Owned by whoever asks; ended when result() has a value.
class Locator {
 public:
    // `rng` chooses among SRV records of equal priority by weight (RFC 2782) and must outlive this.
    Locator(LocateRequest request, Rng& rng);

    // What to ask now; each question is given out once.
    std::vector<DnsQuestion> take_questions();
    void on_answer(const DnsAnswer& answer);  // of a question given out; others are ignored
    // NotFound: no records lead to an address. Unavailable: the name servers failed us.
    const std::optional<Result<std::vector<Target>>>& result() const { return result_; }
    const LookUpFacts& facts() const { return facts_; }

 private:
    enum class Step { Naptr, Srv, Addresses };
    struct Service {  // one _service._proto name to ask, in order
        TargetTransport transport;
        std::string name;
        std::optional<std::vector<SrvRecord>> records;
    };
    struct Host {  // one host to resolve, in order
        TargetTransport transport;
        std::string name;
        uint16_t port;
        uint16_t rank = 0;
        uint16_t weight = 0;
    };
    struct Resolved {
        std::string name;
        std::vector<IpAddress> v4;
        std::vector<IpAddress> v6;
    };

    void begin();
    void ask(const std::string& name, DnsType type);
    bool supports(TargetTransport transport) const;
    TargetTransport default_transport() const;
    void ask_hosts();
    void ask_srv(std::vector<Service> services);
    void ask_default_services();
    void on_naptr(const DnsAnswer& answer);
    void on_srv(const DnsAnswer& answer);
    void on_addresses(const DnsAnswer& answer);
    void srv_complete();
    void fall_back_to_host();
    void finish();

    LocateRequest request_;
    Rng* rng_;
    Step step_ = Step::Naptr;
    std::vector<DnsQuestion> to_ask_;
    std::vector<DnsQuestion> waiting_;
    std::vector<Service> services_;
    std::vector<Host> hosts_;
    std::vector<Resolved> resolved_;
    LookUpFacts facts_;
    std::optional<Result<std::vector<Target>>> result_;
};

// RFC 2782: by priority, and within one by weighted random choice without replacement.
std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, Rng& rng);

}  // namespace tandem::sip
