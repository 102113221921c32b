"""Tests with clients that mean harm, or were written by somebody who has not read RFC 6455."""
