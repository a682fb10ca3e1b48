// The certificates that domains have of their own: from the store, where the API puts them, or from
// files of this server, `tls/domains/NAME.crt` and `NAME.key` in the data directory, which go
// before it (the store cannot say what lies on a server). Follows both while the node runs; what
// cannot be used leaves the former one in its place, and is said once.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/crypto.h"
#include "base/result.h"
#include "runtime/tls/certificates.h"
#include "store/catalog.h"

namespace tandem::app {

class DomainCertificates {
 public:
    // Told what was taken up, and what could not be.
    using Said = std::function<void(const std::string& domain, const Result<void>& outcome)>;

    DomainCertificates(runtime::TlsContexts& tls, std::string folder, Said said);
    // Looks at what has changed; cheap when nothing has. `key` unseals the stored keys.
    void follow(const store::Catalog& catalog, const SealKey& key);

 private:
    struct Wanted {
        std::string stamp;                      // another when the certificate is another
        const model::Domain* stored = nullptr;  // nullptr: from the files
    };
    using AllWanted = std::map<std::string, Wanted>;
    void add_stored(const store::Catalog& catalog, AllWanted& wanted) const;
    void add_files(const store::Catalog& catalog, AllWanted& wanted) const;
    Result<void> load(const std::string& domain, const Wanted& wanted, const SealKey& key);
    std::string path(const std::string& domain, const char* ending) const;

    runtime::TlsContexts& tls_;
    std::string folder_;
    Said said_;
    std::map<std::string, std::string> stamps_;  // of the domains that have one
};

}  // namespace tandem::app
