#pragma once
// The TLS library with one thing of our own put into it: AES-128-GCM whose opening of TLS 1.3 records is GcmOpener's.
// A library context of its own, so that nothing else in the process gets it; with the machine's own settings of the
// library. Everything but that opening (sealing, TLS 1.2, other ciphers, certificates) is the library's. Where the
// processor cannot, or anything of this fails, the library is used as it is. Private to this room; any thread.
#include <openssl/ssl.h>

namespace taxgate::platform {

/// For a client that speaks TLS 1.2 or newer; nullptr: no memory. The caller owns it.
SSL_CTX* make_client_context();

/// Whether contexts of make_client_context() open records by GcmOpener.
bool opens_records_itself();

}  // namespace taxgate::platform
