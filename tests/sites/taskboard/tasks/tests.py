from unittest import mock

from django.test import SimpleTestCase

from tasks import jobs


class Someone(object):
    pk = 7


class NotifyTest(SimpleTestCase):
    @mock.patch('tasks.jobs.WSPublisher')
    def test_owner(self, publisher):
        jobs.notify('tasks', Someone(), {'a': 1})
        publisher.assert_called_once_with(facility='tasks', users=[7])
        publisher.return_value.publish_message.assert_called_once_with(b'{"a":1}', expire=10)

    def test_watchers(self):
        with mock.patch('tasks.jobs.WSPublisher') as publisher:
            jobs.notify('tasks', Someone(), {}, watchers=('mary',))
        publisher.assert_called_once_with(facility='tasks', users=['mary'], broadcast=False)

    @mock.patch('tasks.live.publishers.RedisPublisher.publish_message')
    def test_board(self, publish_message):
        from tasks.live import board
        board.publish_message({'a': 1})
        publish_message.assert_called_once_with({'a': 1})

    @mock.patch('ws4redis.publisher.RedisPublisher.publish_message')
    def test_inherited(self, publish_message):
        from tasks.live import board
        board.publish_message({'a': 1})
        publish_message.assert_called_once_with(b'{"a": 1}', None)

    def test_keys(self):
        publisher = jobs.WSPublisher(facility='tasks', users=['mary'])
        self.assertEqual(publisher._publishers, {'site-7:user:mary:tasks'})
