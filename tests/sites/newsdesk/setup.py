from setuptools import setup, find_packages

setup(
    name='newsdesk',
    version='2.3',
    packages=find_packages(),
    include_package_data=True,
    install_requires=[
        'Django>=2.2,<4.2',
        'django-websocket-redis>=0.5',
        'redis<5',
    ],
    extras_require={
        'websocket': ['gevent', 'uwsgi'],
    },
)
