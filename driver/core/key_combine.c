/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two keys made one: the only user of OpenSSL, which libcryptsetup has loaded already or will. */
#include "cleanup.h"
#include "key.h"
#include "library.h"

#include <endian.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

/* Part of what is on the disks: they never change. */
#define SALT "solodisk both 1"
#define INFO "LUKS2 keyslot"

#define FUNCTIONS(f)                                                                              \
	f(EVP_KDF_fetch) f(EVP_KDF_free) f(EVP_KDF_CTX_new) f(EVP_KDF_CTX_free) f(EVP_KDF_derive) \
	        f(OSSL_PARAM_construct_utf8_string) f(OSSL_PARAM_construct_octet_string)          \
	                f(OSSL_PARAM_construct_end) f(EVP_Q_digest)

static struct {
	FUNCTIONS(SD_LIBRARY_MEMBER)
} crypto;

static int load(struct sd_error *err)
{
	static const char *const names[] = { FUNCTIONS(SD_LIBRARY_NAME) };

	return sd_library_load("libcrypto.so.3", names, SD_ARRAY_SIZE(names), &crypto, err);
}

int sd_key_sha256(const void *data, size_t size, unsigned char *ret, struct sd_error *err)
{
	int r = load(err);

	if (r < 0)
		return r;
	return crypto.EVP_Q_digest(NULL, "SHA256", NULL, data, size, ret, NULL) == 1
	        ? 0
	        : sd_error_set(err, EIO, "OpenSSL has no SHA-256");
}

/* Length and bytes of one part: without the lengths ("ab", "c") and ("a", "bc") would be the same. */
static unsigned char *append(unsigned char *p, const struct sd_key *key)
{
	uint32_t size = htobe32((uint32_t)key->size);

	memcpy(p, &size, sizeof(size));
	memcpy(p + sizeof(size), key->data, key->size);
	return p + sizeof(size) + key->size;
}

static int derive(EVP_KDF_CTX *context, const struct sd_key *input, struct sd_key *output)
{
	static char digest[] = "SHA256", salt[] = SALT, info[] = INFO;
	const OSSL_PARAM params[] = {
		crypto.OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		crypto.OSSL_PARAM_construct_octet_string(
		        OSSL_KDF_PARAM_KEY, input->data, input->size),
		crypto.OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, strlen(salt)),
		crypto.OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
		crypto.OSSL_PARAM_construct_end(),
	};

	return crypto.EVP_KDF_derive(context, output->data, output->size, params);
}

/* HKDF, extract and expand; OpenSSL wipes its copy of the input when the context is freed. */
static int hkdf(const struct sd_key *input, struct sd_key *output, struct sd_error *err)
{
	EVP_KDF *kdf = crypto.EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? crypto.EVP_KDF_CTX_new(kdf) : NULL;
	int done = context && derive(context, input, output) == 1;

	crypto.EVP_KDF_CTX_free(context);
	crypto.EVP_KDF_free(kdf);
	return done ? 0
	            : sd_error_set(err, EIO,
	                      "OpenSSL cannot combine the two keys: it has no HKDF with SHA-256");
}

int sd_key_combine(const struct sd_key *first, const struct sd_key *second, struct sd_key *ret,
        struct sd_error *err)
{
	_cleanup_key_ struct sd_key input = SD_KEY_INIT;
	_cleanup_key_ struct sd_key output = SD_KEY_INIT;
	int r;

	r = load(err);
	if (r == 0)
		r = sd_key_alloc(2 * sizeof(uint32_t) + first->size + second->size, &input, err);
	if (r == 0)
		r = sd_key_alloc(SD_KEY_COMBINED_SIZE, &output, err);
	if (r != 0)
		return sd_error_wrap(err, "two keys made one");
	(void)append(append(input.data, first), second);
	r = hkdf(&input, &output, err);
	if (r < 0)
		return r;
	*ret = output;
	output = (struct sd_key)SD_KEY_INIT;
	return 0;
}
