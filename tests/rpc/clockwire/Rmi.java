package clockwire;

import java.rmi.registry.LocateRegistry;
import java.rmi.registry.Registry;
import java.rmi.server.UnicastRemoteObject;

/** The JDK's own RMI: a server and registry for our client, or a client for our server. */
public class Rmi {
    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("server")) {
            int port;
            try (java.net.ServerSocket free = new java.net.ServerSocket(0)) {
                port = free.getLocalPort();
            }
            Registry registry = LocateRegistry.createRegistry(port);
            Sample service = new Sample();
            registry.rebind("items", UnicastRemoteObject.exportObject(service, 0));
            System.out.println(port);
            System.in.read();
            System.exit(0);
        }
        int port = Integer.parseInt(arguments[1]);
        Sample.same(-1, Integer.signum(-port));
        ItemService service = (ItemService) LocateRegistry.getRegistry("127.0.0.1", port).lookup("items");
        Sample.tryAll(service);
        System.out.println("java.rmi: lookup and 4 calls of our server, as expected");
        System.exit(0);
    }
}
